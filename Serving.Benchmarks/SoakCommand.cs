using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using Serving.Benchmarks.Soak;

namespace Serving.Benchmarks;

/// <summary><c>soak HOST.dll [SECONDS] [HEAP-MiB]</c>: starts a local cluster with a bounded heap, runs a soak test, and writes the report
/// as JSON.</summary>
internal static class SoakCommand
{
    private const int Rate = 200;
    private static readonly TimeSpan StartLimit = TimeSpan.FromMinutes(3);
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Runs the command; returns 0 when no good request failed.</summary>
    public static async Task<int> RunAsync(string host, int seconds, int heapMebibytes)
    {
        var directory = Directory.CreateTempSubdirectory("serving-soak-");
        var manifest = Path.Combine(directory.FullName, "soak.yaml");
        await File.WriteAllTextAsync(manifest, SoakManifest.Yaml);
        var (api, gateway) = (FreePort(), FreePort());
        var start = new ProcessStartInfo(
            "dotnet",
            [
                host,
                "local",
                "--plain",
                "--data-dir",
                Path.Combine(directory.FullName, "data"),
                "--api-port",
                Text(api),
                "--gateway-port",
                Text(gateway),
                "--apply",
                manifest,
            ]
        )
        {
            RedirectStandardOutput = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x" + (heapMebibytes * 1048576L).ToString("x", CultureInfo.InvariantCulture);
        using var process = Process.Start(start)!;
        try
        {
            _ = process.StandardOutput.BaseStream.CopyToAsync(Stream.Null);
            var endpoint = new IPEndPoint(IPAddress.Loopback, gateway);
            await ReadyAsync(endpoint, process);
            var report = await new SoakRun(endpoint, SoakManifest.Good, SoakManifest.Busy, process.Id).RunAsync(
                Rate,
                TimeSpan.FromSeconds(30),
                TimeSpan.FromSeconds(seconds)
            );
            Console.WriteLine(JsonSerializer.Serialize(report, Indented));
            return report.Failed == 0 && !process.HasExited ? 0 : 1;
        }
        finally
        {
            if (!process.HasExited)
            {
                using var kill = Process.Start("kill", ["-TERM", Text(process.Id)]);
                await process.WaitForExitAsync();
            }

            directory.Delete(recursive: true);
        }
    }

    private static async Task ReadyAsync(IPEndPoint gateway, Process process)
    {
        using var http = new HttpClient();
        var watch = Stopwatch.StartNew();
        foreach (var host in (string[])[SoakManifest.Good, SoakManifest.Busy])
        {
            while (true)
            {
                if (process.HasExited)
                    throw new InvalidOperationException($"The host exited with code {process.ExitCode}.");
                if (watch.Elapsed > StartLimit)
                    throw new TimeoutException($"{host} did not respond within {StartLimit}.");
                try
                {
                    using var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{gateway}/"));
                    request.Headers.Host = host;
                    using var response = await http.SendAsync(request);
                    if (response.IsSuccessStatusCode)
                        break;
                }
                catch (HttpRequestException)
                {
                    // The host does not listen yet.
                }

                await Task.Delay(TimeSpan.FromMilliseconds(200));
            }
        }
    }

    private static int FreePort()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

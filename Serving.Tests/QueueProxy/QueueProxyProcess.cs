using System.Diagnostics;
using System.Globalization;
using System.Net;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>
/// The sidecar as a process of its own, on free ports of an own loopback address: the one of this build, or the native
/// program that <c>SERVING_TEST_QUEUE_PROXY</c> names.
/// </summary>
internal sealed class QueueProxyProcess : IDisposable
{
    private const string ProgramVariable = "SERVING_TEST_QUEUE_PROXY";

    private static int _last;

    private readonly Process _process;

    private QueueProxyProcess(Process process, IPAddress address, int[] ports)
    {
        _process = process;
        (Serving, Admin, Stats) = (Uri(ports[0]), Uri(ports[1]), Uri(ports[2]));

        Uri Uri(int port) => new($"http://{address}:{port}/");
    }

    public Uri Serving { get; }

    public Uri Admin { get; }

    public Uri Stats { get; }

    public static QueueProxyProcess Start(int userPort, params (string Name, string Value)[] variables)
    {
        var address = new IPAddress([127, 98, (byte)(Environment.ProcessId % 250), (byte)(1 + (Interlocked.Increment(ref _last) % 250))]);
        var ports = FreePorts.Of(address, 3);
        var native = Environment.GetEnvironmentVariable(ProgramVariable);
        var start = new ProcessStartInfo(string.IsNullOrEmpty(native) ? "dotnet" : native) { RedirectStandardError = true, RedirectStandardOutput = true };
        if (string.IsNullOrEmpty(native)) start.ArgumentList.Add(typeof(global::Serving.QueueProxy.QueueProxyServer).Assembly.Location);
        var environment = start.Environment;
        environment["SERVING_NAMESPACE"] = "ns";
        environment["SERVING_CONFIGURATION"] = "config";
        environment["SERVING_REVISION"] = "rev";
        environment["SERVING_POD"] = "pod-1";
        environment["SERVING_POD_IP"] = address.ToString();
        environment["QUEUE_SERVING_PORT"] = Text(ports[0]);
        environment["QUEUE_SERVING_TLS_PORT"] = "8112";
        environment["QUEUE_ADMIN_PORT"] = Text(ports[1]);
        environment["QUEUE_METRICS_PORT"] = Text(ports[2]);
        environment["USER_PORT"] = Text(userPort);
        environment["CONTAINER_CONCURRENCY"] = "0";
        environment["REVISION_TIMEOUT_SECONDS"] = "30";
        environment["SERVING_READINESS_PROBE"] = $$"""{"tcpSocket":{"host":"127.0.0.1","port":{{userPort}}},"successThreshold":1}""";
        foreach (var (name, value) in variables) environment[name] = value;
        var process = Process.Start(start)!;
        process.ErrorDataReceived += (_, line) => TestContext.Progress.WriteLine(line.Data);
        process.OutputDataReceived += (_, line) => TestContext.Progress.WriteLine(line.Data);
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        return new QueueProxyProcess(process, address, ports);
    }

    public void Terminate()
    {
        using var kill = Process.Start("kill", ["-TERM", Text(_process.Id)]);
        kill.WaitForExit();
    }

    public async Task<int> ExitCodeAsync()
    {
        await _process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.Kill();
        _process.Dispose();
    }

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

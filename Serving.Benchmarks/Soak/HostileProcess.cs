using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace Serving.Benchmarks.Soak;

/// <summary>
/// <see cref="HostileClients"/> in a process that runs only where nothing else wants to (Linux's idle policy): their own work, which
/// elsewhere is done by other machines, takes no processor from the gateway and from the clients that are measured. The lowest nice value
/// is not enough: such a process keeps a core for milliseconds before another one gets it.
/// </summary>
internal sealed class HostileProcess : IHostileTraffic
{
    private readonly Process _process;

    /// <summary>Starts the clients.</summary>
    /// <param name="gateway">The gateway's external listener.</param>
    /// <param name="good">The host of a Service that responds at once.</param>
    /// <param name="busy">The host of a Service that handles one slow request at a time.</param>
    /// <param name="kinds">Which of them run.</param>
    public HostileProcess(IPEndPoint gateway, string good, string busy, HostileKinds kinds)
    {
        var start = new ProcessStartInfo(
            "chrt",
            ["--idle", "0", "dotnet", typeof(HostileProcess).Assembly.Location, "hostile", gateway.ToString(), good, busy, kinds.ToString()]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        _process = Process.Start(start)!;
    }

    /// <summary>The other side of this class: runs the clients until standard input ends, then writes the number of their
    /// connections.</summary>
    public static async Task RunAsync(IPEndPoint gateway, string good, string busy, HostileKinds kinds)
    {
        await using var clients = new HostileTask(gateway, good, busy, kinds);
        await Console.In.ReadToEndAsync();
        Console.WriteLine(await clients.StopAsync());
    }

    /// <inheritdoc/>
    public async Task<long> StopAsync()
    {
        _process.StandardInput.Close();
        var written = await _process.StandardOutput.ReadToEndAsync();
        await _process.WaitForExitAsync();
        return _process.ExitCode == 0
            ? long.Parse(written, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"The hostile clients exited with code {_process.ExitCode}.");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }
}

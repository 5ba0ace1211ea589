using System.Net;

namespace Serving.Benchmarks.Soak;

/// <summary><see cref="HostileClients"/> in this process.</summary>
internal sealed class HostileTask : IHostileTraffic
{
    private readonly CancellationTokenSource _stop = new();
    private readonly HostileClients _clients;
    private readonly Task _running;

    /// <summary>Starts the clients.</summary>
    /// <param name="gateway">The gateway's external listener.</param>
    /// <param name="good">The host of a Service that responds at once.</param>
    /// <param name="busy">The host of a Service that handles one slow request at a time.</param>
    /// <param name="kinds">Which of them run.</param>
    public HostileTask(IPEndPoint gateway, string good, string busy, HostileKinds kinds)
    {
        _clients = new HostileClients(gateway, good, busy, kinds);
        _running = _clients.RunAsync(_stop.Token);
    }

    /// <inheritdoc/>
    public async Task<long> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        return _clients.Connections;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }
}

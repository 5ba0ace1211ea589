namespace Serving.Benchmarks.Soak;

/// <summary>Running <see cref="HostileClients"/>.</summary>
internal interface IHostileTraffic : IAsyncDisposable
{
    /// <summary>Ends the clients; returns the number of their connections.</summary>
    Task<long> StopAsync();
}

using Microsoft.Extensions.Logging;

namespace Serving.QueueProxy.Readiness;

/// <summary>
/// Determines whether the user containers are ready: the one that serves requests and, with multi-container probing, the others.
/// Concurrent queries share one round of probes and its result.
/// </summary>
internal sealed class UserProber
{
    private readonly Lock _lock = new();
    private readonly ContainerReadiness[] _containers;
    private Task? _round;

    /// <param name="probes">The probes, starting with that of the serving container; empty when nothing is probed.</param>
    /// <param name="detectHttp2">Whether HTTP probes try HTTP/2 as well.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs failures.</param>
    public UserProber(IReadOnlyList<ReadinessProbe> probes, bool detectHttp2, TimeProvider time, ILogger logger)
        : this([
            .. probes.Select(probe => new ContainerReadiness(probe, new ProbeAttempt(probe, detectHttp2, time, logger).RunAsync, time)),
        ]) { }

    internal UserProber(ContainerReadiness[] containers) => _containers = containers;

    /// <summary>Whether the containers are ready; returns the last result if it is too early to probe again.</summary>
    /// <param name="byKubelet">
    /// Whether the kubelet is probing. It applies the thresholds of the serving container itself, so it gets the result of that container's
    /// last probe; other callers get the result after thresholds.
    /// </param>
    public async ValueTask<bool> ProbeAsync(bool byKubelet)
    {
        Task? round;
        lock (_lock)
        {
            round =
                _round is { IsCompleted: false } running ? running
                : Array.TrueForAll(_containers, container => container.IsKnown(byKubelet)) ? null
                : _round = Task.Run(() =>
                    Task.WhenAll(
                        _containers.Where(container => !container.IsKnown(byKubelet)).Select(static container => container.ProbeAsync())
                    )
                );
        }

        if (round is not null)
            await round;
        for (var i = 0; i < _containers.Length; i++)
        {
            var container = _containers[i];
            if (!(byKubelet && i == 0 ? container.LastSucceeded : container.IsReady))
                return false;
        }

        return true;
    }

    /// <summary>A request found the serving port closed.</summary>
    public void Refused()
    {
        if (_containers.Length != 0)
            _containers[0].Refused();
    }
}

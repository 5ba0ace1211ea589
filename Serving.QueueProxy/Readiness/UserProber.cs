using Microsoft.Extensions.Logging;

namespace Serving.QueueProxy.Readiness;

/// <summary>
/// Tells whether the user's containers are ready: the one that takes the requests, and with multi-container probing those beside it.
/// However many ask at once, one round of probes runs, and all of them get its result.
/// </summary>
internal sealed class UserProber
{
    private readonly Lock _lock = new();
    private readonly ContainerReadiness[] _containers;
    private Task? _round;

    /// <param name="probes">The probes, that of the container that takes the requests first; none when nothing is probed.</param>
    /// <param name="detectHttp2">Whether HTTP probes try HTTP/2 as well.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs failures.</param>
    public UserProber(IReadOnlyList<ReadinessProbe> probes, bool detectHttp2, TimeProvider time, ILogger logger)
        : this([.. probes.Select(probe => new ContainerReadiness(probe, new ProbeAttempt(probe, detectHttp2, time, logger).RunAsync, time))])
    {
    }

    internal UserProber(ContainerReadiness[] containers) => _containers = containers;

    /// <summary>Whether they are ready, from memory where it is too early to probe again.</summary>
    /// <param name="byKubelet">
    /// Whether the kubelet asks. It counts successes and failures itself, by the thresholds of the container that takes the requests, so
    /// it is told what the last probe of that one found; everybody else is told what came of counting.
    /// </param>
    public async ValueTask<bool> ProbeAsync(bool byKubelet)
    {
        Task? round;
        lock (_lock)
        {
            round = _round is { IsCompleted: false } running ? running
                : Array.TrueForAll(_containers, container => container.IsKnown(byKubelet)) ? null
                : _round = Task.Run(() => Task.WhenAll(_containers.Where(container => !container.IsKnown(byKubelet)).Select(static container => container.ProbeAsync())));
        }

        if (round is not null) await round;
        for (var i = 0; i < _containers.Length; i++)
        {
            var container = _containers[i];
            if (!(byKubelet && i == 0 ? container.LastSucceeded : container.IsReady)) return false;
        }

        return true;
    }

    /// <summary>A request found nobody listening at the port of the requests.</summary>
    public void Refused()
    {
        if (_containers.Length != 0) _containers[0].Refused();
    }
}

using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.Kubernetes;
using Serving.Kubernetes.Queue;

namespace Serving.Networking.Layers.Probing;

/// <summary>
/// Probes the pods of a data plane until all of them route the newest version of an Ingress. Invariants: one version of an Ingress is
/// probed at a time, a target that confirmed it is not probed again, and at most <see cref="Workers"/> probes are under way.
/// </summary>
public sealed partial class StatusProber : IDisposable
{
    /// <summary>Probes under way at once.</summary>
    public const int Workers = 15;

    /// <summary>How long the first probe of a target waits, so that a change usually has reached it.</summary>
    public static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(200);

    /// <summary>The delay after the first failed probe; it doubles with every further one.</summary>
    public static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(50);

    /// <summary>The longest delay between two probes of a target.</summary>
    public static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(30);

    private static readonly Backoff Retries = new(FirstRetry, LastRetry);

    private readonly IIngressProbe _probe;
    private readonly Action<ObjectKey> _ready;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private readonly Dictionary<ObjectKey, Version> _versions = [];
    private readonly WorkQueue<Work> _queue;

    /// <param name="name">The name of the layer, in metrics.</param>
    /// <param name="probe">Sends the probes.</param>
    /// <param name="ready">Called with an Ingress when the last of its targets has confirmed its version.</param>
    /// <param name="logger">Logs failed probes.</param>
    /// <param name="time">The clock of delays.</param>
    public StatusProber(string name, IIngressProbe probe, Action<ObjectKey> ready, ILogger logger, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(probe);
        ArgumentNullException.ThrowIfNull(ready);
        ArgumentNullException.ThrowIfNull(logger);
        (_probe, _ready, _logger) = (probe, ready, logger);
        _queue = new WorkQueue<Work>($"{name}-probes", time);
    }

    /// <summary>
    /// Whether all targets route this version of the Ingress; starts probing those that have not confirmed it yet. Targets that are no
    /// longer listed are not waited for.
    /// </summary>
    /// <param name="ingress">Namespace and name.</param>
    /// <param name="hash">The version.</param>
    /// <param name="targets">All targets of this version.</param>
    public bool IsReady(ObjectKey ingress, string hash, IEnumerable<ProbeTarget> targets)
    {
        ArgumentNullException.ThrowIfNull(targets);
        var wanted = targets.ToHashSet();
        lock (_gate)
        {
            if (!_versions.TryGetValue(ingress, out var version) || version.Hash != hash)
            {
                _versions[ingress] = version = new Version(ingress, hash);
            }

            version.Confirmed.IntersectWith(wanted);
            foreach (var gone in version.Failures.Keys.Where(target => !wanted.Contains(target)).ToList())
            {
                version.Failures.Remove(gone);
            }

            foreach (var target in wanted)
            {
                if (!version.Confirmed.Contains(target) && version.Failures.TryAdd(target, 0))
                {
                    _queue.AddAfter(new Work(version, target), FirstDelay);
                }
            }

            return version.Failures.Count == 0;
        }
    }

    /// <summary>Ends the probing of an Ingress.</summary>
    public void Forget(ObjectKey ingress)
    {
        lock (_gate)
        {
            _versions.Remove(ingress);
        }
    }

    /// <summary>Probes until cancelled.</summary>
    public Task RunAsync(CancellationToken cancellation) =>
        Task.WhenAll(Enumerable.Range(0, Workers).Select(_ => ProbeAllAsync(cancellation)));

    /// <inheritdoc/>
    public void Dispose() => _queue.Dispose();

    private async Task ProbeAllAsync(CancellationToken cancellation)
    {
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                var work = await _queue.TakeAsync(cancellation);
                try
                {
                    await ProbeAsync(work, cancellation);
                }
                finally
                {
                    _queue.Done(work);
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task ProbeAsync(Work work, CancellationToken cancellation)
    {
        if (!IsPending(work))
        {
            return;
        }

        var result = await SendAsync(work, cancellation);
        if (result.Reason.Length > 0)
        {
            LogInconclusive(_logger, work.Version.Ingress, work.Target, result.IsReady, result.Reason);
        }

        if (Record(work, result.IsReady))
        {
            _ready(work.Version.Ingress);
        }
    }

    /// <summary>Sends a probe. A failure of the probe itself is one of the target, so that no worker ends with it.</summary>
    private async Task<ProbeResult> SendAsync(Work work, CancellationToken cancellation)
    {
        try
        {
            return await _probe.SendAsync(work.Target, work.Version.Hash, cancellation);
        }
        catch (Exception failure) when (!cancellation.IsCancellationRequested)
        {
            return new ProbeResult(false, failure.Message);
        }
    }

    /// <summary>Records the result of a probe; tells whether it was the last one that was waited for.</summary>
    private bool Record(Work work, bool isReady)
    {
        lock (_gate)
        {
            if (!IsPendingLocked(work))
            {
                return false;
            }

            var version = work.Version;
            if (isReady)
            {
                version.Failures.Remove(work.Target);
                version.Confirmed.Add(work.Target);
                return version.Failures.Count == 0;
            }

            var failures = ++version.Failures[work.Target];
            _queue.AddAfter(work, Retries.After(failures));
            return false;
        }
    }

    private bool IsPending(Work work)
    {
        lock (_gate)
        {
            return IsPendingLocked(work);
        }
    }

    private bool IsPendingLocked(Work work) =>
        _versions.GetValueOrDefault(work.Version.Ingress) == work.Version && work.Version.Failures.ContainsKey(work.Target);

    /// <summary>A version of an Ingress: its targets that have not confirmed it, with their failures, and those that have.</summary>
    private sealed class Version(ObjectKey ingress, string hash)
    {
        public ObjectKey Ingress => ingress;
        public string Hash => hash;
        public Dictionary<ProbeTarget, int> Failures { get; } = [];
        public HashSet<ProbeTarget> Confirmed { get; } = [];
    }

    private sealed record Work(Version Version, ProbeTarget Target);

    [LoggerMessage(1, LogLevel.Debug, "The probe of Ingress {Ingress} at {Target} (counts as routed: {IsReady}): {Reason}")]
    private static partial void LogInconclusive(ILogger logger, ObjectKey ingress, ProbeTarget target, bool isReady, string reason);
}

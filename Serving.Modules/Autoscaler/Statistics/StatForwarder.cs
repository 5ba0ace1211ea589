using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;

namespace Serving.Autoscaler.Statistics;

/// <summary>Sends stats to the processes that lead the shards of their revisions, with one connection per remote shard.</summary>
public sealed class StatForwarder
{
    private readonly StatLane[] _lanes;
    private readonly Func<int> _count;

    /// <param name="count">Returns the current number of shards, 1 to <see cref="Shard.MostShards"/>.</param>
    /// <param name="owner">Returns the address of a shard's leader, such as <c>ws://10.0.0.7:8080</c>; null while unknown.</param>
    /// <param name="time">The clock of the retry delays.</param>
    /// <param name="logger">Logs lost connections.</param>
    /// <param name="timeout">
    /// Returns how long a shard may be unreachable before this process is unready; null while its leader is not known to be alive.
    /// </param>
    /// <param name="metrics">Connection metrics; null for none.</param>
    public StatForwarder(
        Func<int> count,
        Func<Shard, Uri?> owner,
        TimeProvider time,
        ILogger<StatForwarder> logger,
        Func<Shard, TimeSpan?>? timeout = null,
        StatConnectionMetrics? metrics = null
    )
    {
        ArgumentNullException.ThrowIfNull(count);
        ArgumentNullException.ThrowIfNull(owner);
        _count = count;
        T? Of<T>(int index, Func<Shard, T?> what) => count() is var parts && index < parts ? what(new Shard(index, parts)) : default;
        _lanes =
        [
            .. Enumerable
                .Range(0, Shard.MostShards)
                .Select(index => new StatLane(
                    () => Of(index, owner),
                    () => timeout is null ? null : Of(index, timeout),
                    () => metrics?.OnLost(),
                    scale => ScaledFromZero?.Invoke(scale),
                    time,
                    logger
                )),
        ];
        metrics?.Follow(() => !_lanes.Any(static lane => lane.IsFailing));
    }

    /// <summary>Raised when another process tells that it has scaled a revision up from zero. Handlers must be fast; any thread.</summary>
    public event Action<ScaleFromZero>? ScaledFromZero;

    /// <summary>Null while this process reaches all leaders; otherwise the one it cannot reach.</summary>
    public string? UnreachableReason =>
        _lanes.Select(static lane => lane.UnreachableReason).FirstOrDefault(static reason => reason is not null);

    /// <summary>Queues a stat; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) =>
        _lanes[Shard.IndexOf(new ObjectKey(ns, revision), _count())].Report(ns, revision, stat);

    /// <summary>Sends until cancelled; reconnects when a connection is lost or a shard has a new leader.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(_lanes.Select(lane => lane.RunAsync(cancellation)));
}

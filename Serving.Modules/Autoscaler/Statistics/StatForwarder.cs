using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Statistics;

/// <summary>Takes measurements to the processes that decide for their revisions, a connection for each part of the autoscaler that is elsewhere.</summary>
public sealed class StatForwarder
{
    private readonly StatLane[] lanes;
    private readonly Func<int> count;

    /// <param name="count">Into how many parts the autoscaler is divided now, 1 to <see cref="Shard.MostShards"/>.</param>
    /// <param name="owner">Where the autoscaler of a part is now, as <c>ws://10.0.0.7:8080</c>; null while that is not known.</param>
    /// <param name="time">The clock of pauses between attempts.</param>
    /// <param name="logger">Where lost connections are said.</param>
    /// <param name="patience">
    /// How long attempts to reach a part may fail before this process is unready; null while the one who leads it is not known to be alive.
    /// </param>
    /// <param name="metrics">Counts connections; null for none.</param>
    public StatForwarder(
        Func<int> count, Func<Shard, Uri?> owner, TimeProvider time, ILogger<StatForwarder> logger,
        Func<Shard, TimeSpan?>? patience = null, StatConnectionMetrics? metrics = null)
    {
        ArgumentNullException.ThrowIfNull(count);
        ArgumentNullException.ThrowIfNull(owner);
        this.count = count;
        T? Of<T>(int index, Func<Shard, T?> what) => count() is var parts && index < parts ? what(new Shard(index, parts)) : default;
        lanes =
        [
            .. Enumerable.Range(0, Shard.MostShards).Select(index => new StatLane(
                () => Of(index, owner), () => patience is null ? null : Of(index, patience), () => metrics?.OnLost(), time, logger)),
        ];
        metrics?.Follow(() => !lanes.Any(static lane => lane.IsFailing));
    }

    /// <summary>Null while this process reaches those who decide; else which one it does not.</summary>
    public string? UnreachableReason => lanes.Select(static lane => lane.UnreachableReason).FirstOrDefault(static reason => reason is not null);

    /// <summary>Takes a measurement; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) => lanes[Shard.IndexOf(new ObjectKey(ns, revision), count())].Report(ns, revision, stat);

    /// <summary>Sends until cancelled; connects again when a connection is lost or a part has moved.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(lanes.Select(lane => lane.RunAsync(cancellation)));
}

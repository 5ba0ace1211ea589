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
    public StatForwarder(Func<int> count, Func<Shard, Uri?> owner, TimeProvider time, ILogger<StatForwarder> logger)
    {
        ArgumentNullException.ThrowIfNull(count);
        ArgumentNullException.ThrowIfNull(owner);
        this.count = count;
        lanes = [.. Enumerable.Range(0, Shard.MostShards).Select(index => new StatLane(() => count() is var parts && index < parts ? owner(new Shard(index, parts)) : null, time, logger))];
    }

    /// <summary>Takes a measurement; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) => lanes[Shard.IndexOf(new ObjectKey(ns, revision), count())].Report(ns, revision, stat);

    /// <summary>Sends until cancelled; connects again when a connection is lost or a part has moved.</summary>
    public Task RunAsync(CancellationToken cancellation) => Task.WhenAll(lanes.Select(lane => lane.RunAsync(cancellation)));
}

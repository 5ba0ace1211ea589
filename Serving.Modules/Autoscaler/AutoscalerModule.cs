using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Collection;
using Serving.ConfigMaps;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>
/// Scales revisions by their requests, divided into shards so that several replicas share the work. Invariant: a stat reaches the shard that
/// is responsible for its revision, in this process or another.
/// </summary>
public sealed class AutoscalerModule : IShardedModule, IDisposable
{
    private readonly AutoscalerInformers informers;
    private readonly ConfigStore config;
    private readonly PodScraper scraper;
    private readonly AutoscalerMetrics metrics;
    private readonly IEventRecorder events;
    private readonly ILogger logger;
    private readonly TimeProvider time;
    private volatile AutoscalerShard?[] shards = [];

    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="logging">Creates the loggers.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    public AutoscalerModule(IInformers informers, ConfigStore config, IEventRecorder events, ILoggerFactory logging, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(events);
        this.events = events;
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(logging);
        this.informers = new AutoscalerInformers(informers);
        this.config = config;
        this.time = time;
        logger = logging.CreateLogger<AutoscalerModule>();
        scraper = new PodScraper(this.informers.Pods.Lister, () => config.Current.Network, time);
        metrics = new AutoscalerMetrics(() => shards.OfType<AutoscalerShard>());
    }

    /// <inheritdoc/>
    public string Name => "autoscaler";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => shards.Select(shard => shard?.StuckReason).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public IServingModule CreateShard(Shard shard)
    {
        var made = new AutoscalerShard(shard, informers, config, scraper, events, logger, time);
        var current = shards;
        AutoscalerShard?[] next = current.Length == shard.Count ? [.. current] : new AutoscalerShard?[shard.Count];
        next[shard.Index] = made;
        shards = next;
        return made;
    }

    /// <summary>
    /// Records a stat if this process is responsible for its revision; otherwise returns false. If the revision is at zero and a request is
    /// waiting, the decision is made before this returns and the PodAutoscaler is queued. Never blocks on I/O.
    /// </summary>
    /// <param name="ns">The revision's namespace.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="stat">The stat.</param>
    public bool TryReport(string ns, string revision, in Stat stat)
    {
        var current = shards;
        var key = new ObjectKey(ns, revision);
        if (current.Length == 0 || current[Shard.IndexOf(key, current.Length)] is not { IsLeading: true } shard) return false;
        shard.Report(key, stat);
        return true;
    }

    /// <summary>Evaluates the scale of all revisions.</summary>
    public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) => CreateShard(Shard.Whole).RunAsync(client, cancellation);

    /// <summary>Releases connections and metrics.</summary>
    public void Dispose()
    {
        metrics.Dispose();
        scraper.Dispose();
    }
}

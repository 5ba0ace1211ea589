using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Collection;
using Serving.ConfigMaps;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;

namespace Serving.Autoscaler;

/// <summary>
/// Scales revisions with the requests they get, divided into parts so that several replicas decide at once. Invariant: a measurement
/// reaches the part that decides for its revision, here or elsewhere.
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

    /// <param name="informers">What the cluster has.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="events">Where failures are recorded.</param>
    /// <param name="logging">Where it logs to.</param>
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
    /// Takes a measurement when this process decides for its revision, else tells false. When the revision is at zero and a request waits, the
    /// decision is made before this returns and its PodAutoscaler is queued. Never blocks on I/O.
    /// </summary>
    /// <param name="ns">The revision's namespace.</param>
    /// <param name="revision">The revision.</param>
    /// <param name="stat">What was measured.</param>
    public bool TryReport(string ns, string revision, in Stat stat)
    {
        var current = shards;
        var key = new ObjectKey(ns, revision);
        if (current.Length == 0 || current[Shard.IndexOf(key, current.Length)] is not { IsLeading: true } shard) return false;
        shard.Report(key, stat);
        return true;
    }

    /// <summary>Decides for all revisions.</summary>
    public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) => CreateShard(Shard.Whole).RunAsync(client, cancellation);

    /// <summary>Lets go of connections and metrics.</summary>
    public void Dispose()
    {
        metrics.Dispose();
        scraper.Dispose();
    }
}

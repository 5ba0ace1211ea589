using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Inspection;
using Serving.Autoscaler.Reserve;
using Serving.ConfigMaps;
using Serving.Dataplane.Inspection;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler;

/// <summary>
/// Scales revisions by their requests, divided into shards so that several replicas share the work. Invariant: a stat reaches the shard
/// that is responsible for its revision, in this process or another.
/// </summary>
public sealed class AutoscalerModule : IShardedModule, IDisposable
{
    private readonly AutoscalerInformers _informers;
    private readonly ConfigStore _config;
    private readonly PodScraper _scraper;
    private readonly AutoscalerMetrics _metrics;
    private readonly IEventRecorder _events;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly bool _keepsHistory;
    private readonly ResizeSupport _resize;
    private volatile AutoscalerShard?[] _shards = [];

    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="logging">Creates the loggers.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    /// <param name="keepsHistory">Whether the decisions of the last ten minutes are kept for display.</param>
    /// <param name="discovery">Finds out whether the cluster can resize pods in place; null where it is known to.</param>
    public AutoscalerModule(
        IInformers informers,
        ConfigStore config,
        IEventRecorder events,
        ILoggerFactory logging,
        TimeProvider time,
        bool keepsHistory = false,
        IResourceDiscovery? discovery = null
    )
    {
        _keepsHistory = keepsHistory;
        _resize = new ResizeSupport(discovery, time);
        ArgumentNullException.ThrowIfNull(events);
        _events = events;
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(logging);
        _informers = new AutoscalerInformers(informers);
        _config = config;
        _time = time;
        _logger = logging.CreateLogger<AutoscalerModule>();
        _scraper = new PodScraper(_informers.Pods.Lister, () => config.Current.Network, time);
        _metrics = new AutoscalerMetrics(() => _shards.OfType<AutoscalerShard>());
    }

    /// <summary>Raised when this process has scaled a revision up from zero. Handlers must be fast; any thread.</summary>
    public event Action<ScaleFromZero>? ScaledFromZero;

    /// <inheritdoc/>
    public string Name => "autoscaler";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => _shards.Select(shard => shard?.StuckReason).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public IServingModule CreateShard(Shard shard)
    {
        var history = _keepsHistory ? new ScalingHistory() : null;
        var made = new AutoscalerShard(shard, _informers, _config, _scraper, _events, _logger, _time, _resize.IsServedAsync, history);
        made.Deciders.ScaledFromZero += OnScaledFromZero;
        var current = _shards;
        AutoscalerShard?[] next = current.Length == shard.Count ? [.. current] : new AutoscalerShard?[shard.Count];
        next[shard.Index] = made;
        _shards = next;
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
        var key = new ObjectKey(ns, revision);
        if (LeadingShardOf(key) is not { } shard)
            return false;
        shard.Report(key, stat);
        return true;
    }

    /// <summary>The shard that is responsible for a revision.</summary>
    public Shard ShardOf(string ns, string revision)
    {
        var count = Math.Max(1, _shards.Length);
        return new Shard(Shard.IndexOf(new ObjectKey(ns, revision), count), count);
    }

    /// <summary>Whether this process decides the scale of a revision.</summary>
    public bool Decides(string ns, string revision) => LeadingShardOf(new ObjectKey(ns, revision)) is not null;

    /// <summary>Why a revision has its scale, for display; null when another process decides, or no decider exists yet.</summary>
    public ScalingExplanation? Explain(string ns, string revision)
    {
        var key = new ObjectKey(ns, revision);
        return LeadingShardOf(key)?.Explain(key);
    }

    /// <summary>Evaluates the scale of all revisions.</summary>
    public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) =>
        CreateShard(Shard.Whole).RunAsync(client, cancellation);

    private AutoscalerShard? LeadingShardOf(ObjectKey key)
    {
        var current = _shards;
        return current.Length > 0 && current[Shard.IndexOf(key, current.Length)] is { IsLeading: true } shard ? shard : null;
    }

    /// <summary>Releases connections and metrics.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _scraper.Dispose();
    }

    private void OnScaledFromZero(ScaleFromZero scale) => ScaledFromZero?.Invoke(scale);
}

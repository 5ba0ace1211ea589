using Microsoft.Extensions.Logging;
using Serving.Autoscaler.Collection;
using Serving.ConfigMaps;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
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
    private volatile AutoscalerShard?[] _shards = [];

    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="logging">Creates the loggers.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    public AutoscalerModule(IInformers informers, ConfigStore config, IEventRecorder events, ILoggerFactory logging, TimeProvider time)
    {
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

    /// <inheritdoc/>
    public string Name => "autoscaler";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => _shards.Select(shard => shard?.StuckReason).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public IServingModule CreateShard(Shard shard)
    {
        var made = new AutoscalerShard(shard, _informers, _config, _scraper, _events, _logger, _time);
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
        var current = _shards;
        var key = new ObjectKey(ns, revision);
        if (current.Length == 0 || current[Shard.IndexOf(key, current.Length)] is not { IsLeading: true } shard)
            return false;
        shard.Report(key, stat);
        return true;
    }

    /// <summary>Evaluates the scale of all revisions.</summary>
    public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) =>
        CreateShard(Shard.Whole).RunAsync(client, cancellation);

    /// <summary>Releases connections and metrics.</summary>
    public void Dispose()
    {
        _metrics.Dispose();
        _scraper.Dispose();
    }
}

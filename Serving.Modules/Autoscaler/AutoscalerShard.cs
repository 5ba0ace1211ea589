using Microsoft.Extensions.Logging;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Ephemeral;
using Serving.Autoscaler.Inspection;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.ScaleDown;
using Serving.Autoscaler.Scaling;
using Serving.ConfigMaps;
using Serving.Dataplane.Inspection;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Autoscaler;

/// <summary>
/// Scales the revisions of one shard by their requests. Two events take effect at once: <see cref="Report"/> decides on the caller's thread
/// when a revision is at zero, and a pod that becomes ready triggers the reconcile of its revision. Invariant: stats belong to one term;
/// the next one starts without them.
/// </summary>
internal sealed class AutoscalerShard : IServingModule
{
    private readonly Shard _shard;
    private readonly ConfigStore _config;
    private readonly AutoscalerInformers _informers;
    private readonly MetricCollector _collector;
    private readonly EphemeralPodWatch _ephemeral;
    private readonly ReconcileLoop _autoscalerLoop;
    private readonly ReconcileLoop _metricLoop;
    private readonly ReconcileLoop _hpaLoop;
    private volatile bool _isLeading;

    /// <param name="shard">Selects the revisions.</param>
    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The configuration.</param>
    /// <param name="scraper">Scrapes pods.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="logger">The logger.</param>
    /// <param name="time">The clock of windows, ticks and conditions.</param>
    /// <param name="isResizeServed">Whether the cluster serves <c>pods/resize</c>.</param>
    /// <param name="history">Records decisions for display; null for none.</param>
    public AutoscalerShard(
        Shard shard,
        AutoscalerInformers informers,
        ConfigStore config,
        PodScraper scraper,
        IEventRecorder events,
        ILogger logger,
        TimeProvider time,
        Func<CancellationToken, Task<bool>> isResizeServed,
        ScalingHistory? history = null
    )
    {
        _shard = shard;
        _config = config;
        _informers = informers;
        var pods = informers.Pods.Lister;
        _collector = new MetricCollector(scraper, time, logger);
        Deciders = new Deciders(_collector, key => RevisionPods.Count(pods, key.Namespace, key.Name).Ready, time, logger, history);

        _ephemeral = new EphemeralPodWatch(
            pods,
            (key, asked, service, ending) => scraper.ReportsAsync(asked, _collector.MemoryOf(key), service, ending),
            events,
            time,
            logger
        );

        ConfigSnapshot Current() => config.Current;
        var probe = new ActivatorProbe(informers.Endpoints.Lister, () => config.Current.Network, logger);
        _autoscalerLoop = new ReconcileLoop(
            new PodAutoscalerReconciler(
                informers,
                Current,
                Deciders,
                probe,
                Board,
                events,
                time,
                new Parking(events, isResizeServed, time),
                _collector.Pause,
                new ScaleDownOrder(new PodLoads(scraper, _collector.MemoryOf), () => config.Current.Reserve.SparesBusyPods, time, logger),
                _ephemeral
            ),
            logger,
            time
        )
            .Within(shard)
            .For(informers.PodAutoscalers)
            .Owns(informers.ServerlessServices, "PodAutoscaler")
            .Owns(informers.Metrics, "PodAutoscaler")
            .Watches(informers.Pods, RevisionOf);
        _metricLoop = new ReconcileLoop(new MetricReconciler(informers.Metrics, _collector, events, time), logger, time, workers: 1)
            .Within(shard)
            .For(informers.Metrics);
        _hpaLoop = new ReconcileLoop(new HpaReconciler(informers, Current, events, time), logger, time, workers: 1)
            .Within(shard)
            .For(informers.PodAutoscalers)
            .Owns(informers.ServerlessServices, "PodAutoscaler")
            .Owns(informers.HorizontalPodAutoscalers, "PodAutoscaler");
        Deciders.Changed += _autoscalerLoop.Enqueue;
        _ephemeral.Changed += _autoscalerLoop.Enqueue;
        _collector.Changed += _metricLoop.Enqueue;
    }

    /// <inheritdoc/>
    public string Name => _shard.Count == 1 ? "autoscaler" : $"autoscaler {_shard}";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <summary>The deciders, for metrics.</summary>
    public Deciders Deciders { get; }

    /// <summary>The pods of its revisions, for metrics.</summary>
    public PodCountBoard Board { get; } = new();

    /// <inheritdoc/>
    public string? StuckReason =>
        _autoscalerLoop.StuckReason
        ?? _metricLoop.StuckReason
        ?? _hpaLoop.StuckReason
        ?? Deciders.StuckReason
        ?? _collector.StuckReason
        ?? _ephemeral.StuckReason;

    /// <summary>Whether this process leads the shard; while it does not, stats belong to the process that does.</summary>
    public bool IsLeading => _isLeading;

    /// <summary>
    /// Records a stat from an activator. If the revision is at zero and a request is waiting, the decision is made before this returns and
    /// the PodAutoscaler is queued. Never blocks on I/O.
    /// </summary>
    public void Report(ObjectKey key, in Stat stat)
    {
        _collector.Record(key, stat);
        Deciders.Poke(key, stat);
    }

    /// <summary>Why a revision of this shard has its scale; null while it has no decider.</summary>
    public ScalingExplanation? Explain(ObjectKey key)
    {
        if (
            _informers.PodAutoscalers.Lister.Get(key.Namespace, key.Name) is not { } autoscaler
            || Deciders.Explain(key) is not var (spec, steps)
        )
        {
            return null;
        }

        var config = _config.Current;
        var settings = new AutoscalerSettings(autoscaler, config.Autoscaler, config.Reserve);
        var bounds = ScaleBounds.Of(settings, autoscaler.Status);
        var row = Board.Find(key);
        return new ScalingExplanation
        {
            Metric = spec.ScalingMetric,
            StableWindow = spec.StableWindow,
            PanicWindow = settings.PanicWindow,
            PanicThreshold = spec.PanicThreshold,
            Target = spec.TargetValue,
            Total = spec.TotalValue,
            MaxScaleUpRate = spec.MaxScaleUpRate,
            MaxScaleDownRate = spec.MaxScaleDownRate,
            TargetBurstCapacity = spec.TargetBurstCapacity,
            ScaleDownDelay = spec.ScaleDownDelay,
            MinScale = settings.MinScale,
            MaxScale = settings.MaxScale,
            InitialScale = spec.InitialScale,
            ActivationScale = spec.ActivationScale,
            IsReachable = spec.Reachable,
            IsInitialized = !spec.IsInitializing,
            ScalesToZero = config.Autoscaler.EnableScaleToZero,
            ScaleToZeroGracePeriod = config.Autoscaler.ScaleToZeroGracePeriod,
            LastPodRetention = settings.LastPodRetention,
            Decision = steps,
            LowerBound = bounds.Least,
            UpperBound = bounds.Most,
            Bounded = steps is { } decided ? bounds.Apply(decided.DesiredPods) : null,
            Wanted = row?.Wanted,
            Requested = row?.Requested,
            Reserve = ReserveOf(autoscaler, settings, config.Autoscaler.EnableScaleToZero, row?.Counts.Parked ?? 0),
            MaxRequestsPerPod = settings.IsEphemeral ? EphemeralPods.MaxRequests(autoscaler.Metadata.Annotations) : null,
            Finishing = row?.Counts.Finishing,
            CollectionFailure = _collector.FailureOf(key),
            History = Deciders.HistoryOf(key),
        };
    }

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var readiness = _informers.Pods.AddHandler(OnPod);
        _config.Changed += OnConfig;
        _isLeading = true;
        try
        {
            Task[] parts =
            [
                _autoscalerLoop.RunAsync(client, ending.Token),
                _metricLoop.RunAsync(client, ending.Token),
                _hpaLoop.RunAsync(client, ending.Token),
                _collector.RunAsync(ending.Token),
                Deciders.RunAsync(ending.Token),
                _ephemeral.RunAsync(client, ending.Token),
            ];

            // A failing component stops the others, so that the module is restarted as a whole.
            await Task.WhenAny(parts);
            await ending.CancelAsync();
            await Task.WhenAll(parts);
        }
        finally
        {
            _isLeading = false;
            _config.Changed -= OnConfig;

            // The stats belong to this term; another process may lead the next one.
            Deciders.Clear();
            _collector.Clear();
            _ephemeral.Clear();
            Board.Clear();
        }
    }

    private ReserveExplanation? ReserveOf(PodAutoscaler autoscaler, AutoscalerSettings settings, bool scalesToZero, int parked)
    {
        var deployment = _informers.Deployments.Lister.Get(autoscaler.Metadata.Namespace, autoscaler.Spec.ScaleTargetRef.Name);
        if (settings.Reserve.Scale == 0 || deployment?.Spec?.Template?.Spec is not { } template)
            return null;

        var plan = ReservePlan.Of(template, settings.Reserve);
        var reserve = new RevisionReserve(settings, plan, plan, scalesToZero, []);
        var condition = ConditionSet.Get(autoscaler.Status.Conditions, PodAutoscalerLifecycle.Parked);
        return new ReserveExplanation(
            settings.Reserve.Scale,
            reserve.Keeps,
            parked,
            reserve.ParksAfter,
            Parking.Sizes(plan, parked: true),
            Parking.Sizes(plan, parked: false),
            reserve.Off?.Reason ?? condition?.Reason ?? "",
            reserve.Off?.Message ?? condition?.Message ?? ""
        );
    }

    private static IEnumerable<ObjectKey> RevisionOf(Pod pod) =>
        pod.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision) ? [new ObjectKey(pod.Metadata.Namespace, revision)] : [];

    /// <summary>A change in the number of ready pods changes the burst capacity, so activators may be able to leave the path at
    /// once.</summary>
    private void OnPod(Change<Pod> change)
    {
        var before = change.Old is { } old && RevisionPods.IsServing(old);
        var after = change.New is { } newer && RevisionPods.IsServing(newer);
        if (before == after)
            return;
        foreach (var key in RevisionOf(change.Object))
            Deciders.Evaluate(key);
    }

    private void OnConfig(ConfigSnapshot old, ConfigSnapshot newer)
    {
        if (
            old.Autoscaler == newer.Autoscaler
            && old.Reserve == newer.Reserve
            && old.Deployment.ProgressDeadline == newer.Deployment.ProgressDeadline
        )
        {
            return;
        }

        foreach (var autoscaler in _informers.PodAutoscalers.Lister.List())
        {
            _autoscalerLoop.Enqueue(ObjectKey.Of(autoscaler));
            _hpaLoop.Enqueue(ObjectKey.Of(autoscaler));
        }
    }
}

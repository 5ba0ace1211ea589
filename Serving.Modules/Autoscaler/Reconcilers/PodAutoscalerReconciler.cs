using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Ephemeral;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.ScaleDown;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Reconciles PodAutoscalers of the KPA class to the scale desired by their decider: the ServerlessService, which puts activators into the
/// path or not, the Metric, which configures the collection of stats, and the replicas of the scale target.
/// Invariant: the last pod is removed only while activators are in the path.
/// </summary>
internal sealed class PodAutoscalerReconciler : AutoscalerClassReconciler
{
    private const int LeastActivators = 2;

    private readonly AutoscalerInformers _informers;
    private readonly Func<ConfigSnapshot> _config;
    private readonly ScaleTarget _target;
    private readonly Deciders _deciders;
    private readonly IActivatorProbe _probe;
    private readonly PodCountBoard _board;
    private readonly Parking _parking;
    private readonly Action<ObjectKey, bool> _pauseScrapes;
    private readonly ScaleDownOrder? _order;
    private readonly EphemeralPodWatch? _ephemeral;

    /// <param name="informers">Provides the caches.</param>
    /// <param name="config">The current configuration.</param>
    /// <param name="deciders">The deciders of all revisions.</param>
    /// <param name="probe">Determines whether activators are in the path.</param>
    /// <param name="board">Records pod counts for metrics.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock.</param>
    /// <param name="parking">Parks and wakes pods.</param>
    /// <param name="pauseScrapes">Pauses or continues the scrapes of a revision.</param>
    /// <param name="order">Spares busy pods; null to let Kubernetes choose.</param>
    /// <param name="ephemeral">Replaces ephemeral pods; null for none.</param>
    public PodAutoscalerReconciler(
        AutoscalerInformers informers,
        Func<ConfigSnapshot> config,
        Deciders deciders,
        IActivatorProbe probe,
        PodCountBoard board,
        IEventRecorder events,
        TimeProvider time,
        Parking parking,
        Action<ObjectKey, bool> pauseScrapes,
        ScaleDownOrder? order = null,
        EphemeralPodWatch? ephemeral = null
    )
        : base(AutoscalingKeys.KpaClass, informers, events, time)
    {
        _informers = informers;
        _target = new ScaleTarget(informers.Deployments.Lister);
        _config = config;
        _deciders = deciders;
        _probe = probe;
        _board = board;
        _parking = parking;
        _pauseScrapes = pauseScrapes;
        _order = order;
        _ephemeral = ephemeral;
    }

    public override string Name => "podautoscaler";

    protected override void Forget(ObjectKey key)
    {
        _deciders.Remove(key);
        _board.Remove(key);
        _parking.Forget(key);
        _ephemeral?.Forget(key);
    }

    /// <summary>
    /// Each write is a separate step: a rejected Metric or ServerlessService must not block the other, nor the scaling of the target.
    /// </summary>
    protected override async Task ReconcileAsync(AutoscalerPass pass, CancellationToken cancellation)
    {
        var snapshot = _config();
        var settings = new AutoscalerSettings(pass.Object, snapshot.Autoscaler, snapshot.Reserve);
        var counts = CountPods(pass);
        if (KnownService(pass) is not { Status.PrivateServiceName.Length: > 0 } service)
        {
            await pass.TryAsync(
                () =>
                    EnsureServiceAsync(
                        pass,
                        ServerlessServiceLifecycle.ModeProxy,
                        ActivatorsFor(settings.ToDeciderSpec(), counts.Ready),
                        cancellation
                    ),
                cancellation
            );
            pass.Status = PodAutoscalerLifecycle.MarkSksNotReady(pass.Status, "No Private Service Name", pass.Now);
            if (KnownService(pass) is { } failed && ConditionSet.IsFalse(failed.Status.Conditions, ServerlessServiceLifecycle.Ready))
            {
                Observe(pass, failed);
            }

            ComputeStatus(pass, settings, null, ScaleOutcome.Unknown, counts);
            return;
        }

        pass.Status = pass.Status with { MetricsServiceName = service.Status.PrivateServiceName };
        var spec = settings.ToDeciderSpec() with { IsInitializing = !PodAutoscalerLifecycle.IsScaleTargetInitialized(pass.Status) };
        var decision = _deciders.Ensure(pass.Key, spec);

        // With the activator always in the path, it has reported every request.
        var target = spec.TargetBurstCapacity == -1 ? "" : service.Status.PrivateServiceName;
        await pass.TryAsync(() => EnsureMetricAsync(pass, settings, target, cancellation), cancellation);
        var limits = ScaleToZeroLimits.Of(snapshot);
        var reserve = ReserveOf(pass, settings, limits);
        var scale = await ScaleAsync(pass, settings, limits, service, reserve, decision.DesiredScale, cancellation);
        var want = scale.Desired;
        var isParked = want == 0 && reserve is { IsKept: true, IsAllParked: true };
        _pauseScrapes(pass.Key, isParked);
        if (settings.IsEphemeral)
            _ephemeral?.Note(pass.Object, RevisionOf(pass), service.Status.PrivateServiceName, isParked);

        var mode =
            want > 0 && decision.ExcessBurstCapacity >= 0 ? ServerlessServiceLifecycle.ModeServe : ServerlessServiceLifecycle.ModeProxy;
        service =
            await pass.TryAsync(() => EnsureServiceAsync(pass, mode, ActivatorsFor(spec, counts.Ready), cancellation), cancellation)
            ?? service;
        pass.Status = pass.Status with { ServiceName = service.Status.ServiceName };
        Observe(pass, service);
        ComputeStatus(pass, settings, reserve, scale, counts);
    }

    /// <summary>Enough activators for the capacity of the ready pods plus the target burst capacity; at least two.</summary>
    internal static int ActivatorsFor(DeciderSpec spec, int readyPods)
    {
        if (spec.TargetBurstCapacity == 0)
            return LeastActivators;
        var capacity = (readyPods * spec.TotalValue) + Math.Max(0, spec.TargetBurstCapacity);
        return (int)Math.Clamp(Math.Ceiling(capacity / spec.ActivatorCapacity), LeastActivators, int.MaxValue);
    }

    private PodCounts CountPods(AutoscalerPass pass) => RevisionPods.Count(_informers.Pods.Lister, pass.Namespace, RevisionOf(pass));

    private static string RevisionOf(AutoscalerPass pass) => pass.Object.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, pass.Name);

    private RevisionReserve? ReserveOf(AutoscalerPass pass, AutoscalerSettings settings, ScaleToZeroLimits limits) =>
        _parking.Of(
            pass,
            settings,
            _informers.Deployments.Lister.Get(pass.Namespace, pass.Object.Spec.ScaleTargetRef.Name)?.Spec?.Template?.Spec,
            limits.Enabled,
            () => RevisionPods.Live(_informers.Pods.Lister, pass.Namespace, RevisionOf(pass))
        );

    /// <summary>Scales the target within its bounds.</summary>
    private async Task<ScaleOutcome> ScaleAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        ScaleToZeroLimits limits,
        ServerlessService service,
        RevisionReserve? reserve,
        int desired,
        CancellationToken cancellation
    )
    {
        if (desired < 0 && !PodAutoscalerLifecycle.IsActivating(pass.Status))
        {
            // Parked pods report no stats, and a request would have been reported: after a change of leaders they are idle.
            if (!PodAutoscalerLifecycle.IsInactive(pass.Status) || reserve is not { IsAllParked: true })
                return new ScaleOutcome(desired, null);
            desired = 0;
        }

        desired = ScaleBounds.Of(settings, pass.Status).Apply(desired);
        if (_target.Of(pass) is not { } target)
            return new ScaleOutcome(desired, null);
        var current = target.Spec?.Replicas ?? 1;
        if (desired == 0)
        {
            if (reserve is { Keeps: > 0 } && current > 0 && PodAutoscalerLifecycle.IsKept(pass.Status))
                return await KeepAsync(pass, target, reserve, cancellation);
            var step = await TowardsZeroAsync(pass, settings, limits, service, reserve, current, cancellation);
            pass.LookAgain(step.Again);
            if (!step.Apply)
                return new ScaleOutcome(step.Scale, null);
            desired = step.Scale;
            if (desired == 0 && reserve is { Keeps: > 0 } && PodAutoscalerLifecycle.IsInactive(pass.Status))
                return await KeepAsync(pass, target, reserve, cancellation);
        }

        var scale = desired > 0 && reserve is not null ? await WakeAsync(pass, settings, reserve, desired, cancellation) : desired;
        if (desired > 0)
            scale = WithReplacements(pass, settings, scale);
        if (scale > 0 && scale < current)
            await SpareBusyAsync(pass, reserve, scale, cancellation);
        return new ScaleOutcome(desired, await PutScaleAsync(pass, target, scale, cancellation));
    }

    /// <summary>Pods that take no more requests are no part of the minimum scale.</summary>
    private int WithReplacements(AutoscalerPass pass, AutoscalerSettings settings, int scale)
    {
        if (_ephemeral?.Occupied(pass.Key) is not (> 0 and var occupied))
            return scale;
        var needed = Math.Max(scale, settings.MinScale + occupied);
        return settings.MaxScale > 0 ? Math.Max(scale, Math.Min(needed, settings.MaxScale)) : needed;
    }

    /// <summary>Lets the least busy pods be the ones that are removed.</summary>
    private async Task SpareBusyAsync(AutoscalerPass pass, RevisionReserve? reserve, int scale, CancellationToken cancellation)
    {
        if (_order is not null)
        {
            var pods = reserve?.Pods ?? RevisionPods.Live(_informers.Pods.Lister, pass.Namespace, RevisionOf(pass));
            await pass.TryAsync(() => _order.PrepareAsync(pass, pods, reserve?.Plan, scale, cancellation), cancellation);
        }
    }

    /// <summary>Keeps the idle revision's pods, parked.</summary>
    private async Task<ScaleOutcome> KeepAsync(
        AutoscalerPass pass,
        Deployment target,
        RevisionReserve reserve,
        CancellationToken cancellation
    )
    {
        reserve.IsKept = true;
        var written = await PutScaleAsync(pass, target, reserve.Keeps, cancellation);
        await pass.TryAsync(() => _parking.ParkAsync(pass, reserve, cancellation), cancellation);
        return new ScaleOutcome(0, written);
    }

    /// <summary>Wakes parked pods; returns the scale with pods that start in place of those that stay small.</summary>
    private async Task<int> WakeAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        RevisionReserve reserve,
        int desired,
        CancellationToken cancellation
    )
    {
        var small = 0;
        await pass.TryAsync(async () => small = await _parking.WakeAsync(pass, reserve, cancellation), cancellation);
        var scale = Math.Max(desired, reserve.Keeps);
        return settings.MaxScale > 0 ? Math.Max(scale, Math.Min(scale + small, settings.MaxScale)) : scale + small;
    }

    /// <summary>Writes the scale; returns the replicas that the target has then, as far as is known.</summary>
    private async Task<int> PutScaleAsync(AutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        var current = target.Spec?.Replicas ?? 1;
        if (scale == current)
            return scale;
        var written = false;
        await pass.TryAsync(
            async () =>
            {
                written = await ScaleTarget.PatchReplicasAsync(pass, target, scale, cancellation);
                if (written && current == 0)
                    _deciders.Written(pass.Key);
            },
            cancellation
        );
        return written ? scale : current;
    }

    private async Task<ScaleStep> TowardsZeroAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        ScaleToZeroLimits limits,
        ServerlessService service,
        RevisionReserve? reserve,
        int current,
        CancellationToken cancellation
    )
    {
        var inPath = true;
        if (limits.Enabled && PodAutoscalerLifecycle.IsInactive(pass.Status))
        {
            if (current == 0)
                return new ScaleStep(0, false);
            inPath =
                settings.TargetBurstCapacity == -1 || await _probe.IsInPathAsync(pass.Namespace, pass.Status.ServiceName, cancellation);
        }

        return ScaleToZero.Decide(
            pass.Status,
            settings,
            service,
            limits,
            inPath,
            pass.Now,
            reserve is { Keeps: > 0 } ? reserve.Retention : TimeSpan.Zero
        );
    }

    private async Task EnsureMetricAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        string scrapeTarget,
        CancellationToken cancellation
    ) =>
        await pass.EnsureAsync(
            Resources.Metrics,
            _informers.Metrics.Lister.Get(pass.Namespace, pass.Name),
            ChildMaker.Metric(pass.Object, settings, scrapeTarget),
            static (existing, wanted) =>
                existing with
                {
                    Spec = existing.Spec with
                    {
                        StableWindow = wanted.Spec.StableWindow,
                        PanicWindow = wanted.Spec.PanicWindow,
                        ScrapeTarget = wanted.Spec.ScrapeTarget,
                    },
                },
            cancellation
        );

    /// <summary>Copies the readiness of the ServerlessService.</summary>
    private static void Observe(AutoscalerPass pass, ServerlessService service) =>
        pass.Status = ConditionSet.Get(service.Status.Conditions, ServerlessServiceLifecycle.Ready) switch
        {
            _ when ServerlessServiceLifecycle.IsReady(service) => PodAutoscalerLifecycle.MarkSksReady(pass.Status, pass.Now),
            { Status: ConditionStatus.False } failed => PodAutoscalerLifecycle.MarkSksFailed(
                pass.Status,
                failed.Reason,
                failed.Message,
                pass.Now
            ),
            var waiting => PodAutoscalerLifecycle.MarkSksNotReady(pass.Status, waiting?.Message ?? "", pass.Now),
        };

    private void ComputeStatus(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        RevisionReserve? reserve,
        ScaleOutcome scale,
        PodCounts counts
    )
    {
        var want = scale.Desired;

        // A new decider has no stats; the previous desired scale remains in effect.
        var keep = want < 0 && pass.Status.DesiredScale >= 0;
        pass.Status = pass.Status with { ActualScale = counts.Ready, DesiredScale = keep ? pass.Status.DesiredScale : want };
        if (!HasForeignChild(pass))
        {
            pass.Status = ActiveCondition.Apply(
                pass.Status,
                settings,
                want,
                counts.Ready,
                pass.Now,
                reserve?.Idle ?? PodAutoscalerLifecycle.NoTraffic
            );
        }

        _parking.Observe(pass, reserve, want);

        _board.Note(
            pass.Object,
            want,
            scale.Replicas ?? _target.ReplicasOf(pass),
            counts with
            {
                Parked = reserve?.Parked ?? 0,
                Finishing = settings.IsEphemeral ? _ephemeral?.Occupied(pass.Key) : null,
            }
        );
    }

    /// <summary>What a reconcile made of a decision.</summary>
    /// <param name="Desired">The desired scale, with the steps to zero; -1 while unknown.</param>
    /// <param name="Replicas">The replicas of the scale target after it; null when nothing was written.</param>
    private readonly record struct ScaleOutcome(int Desired, int? Replicas)
    {
        public static ScaleOutcome Unknown => new(-1, null);
    }
}

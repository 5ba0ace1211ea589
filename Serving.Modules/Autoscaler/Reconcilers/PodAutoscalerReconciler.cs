using System.Globalization;
using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Autoscaler.Scaling;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>
/// Keeps one revision of the KPA class at the scale that its decider wants: the ServerlessService that says whether activators are
/// in the path, the Metric that says what is measured, and the replicas of the scale target.
/// Invariant: the last pod goes only when activators are in the path.
/// </summary>
internal sealed class PodAutoscalerReconciler : IReconciler
{
    private const int LeastActivators = 2;

    private static readonly TimeSpan AfterConflict = TimeSpan.FromMilliseconds(200);

    private readonly AutoscalerInformers informers;
    private readonly Func<ConfigSnapshot> config;
    private readonly Deciders deciders;
    private readonly IActivatorProbe probe;
    private readonly PodCountBoard board;
    private readonly IEventRecorder events;
    private readonly TimeProvider time;

    /// <param name="informers">What the cluster has.</param>
    /// <param name="config">The newest configuration.</param>
    /// <param name="deciders">Who decides.</param>
    /// <param name="probe">Tells whether activators are in the path.</param>
    /// <param name="board">Where the pods are noted for the metrics.</param>
    /// <param name="events">Where failures are recorded.</param>
    /// <param name="time">The clock.</param>
    public PodAutoscalerReconciler(
        AutoscalerInformers informers, Func<ConfigSnapshot> config, Deciders deciders, IActivatorProbe probe, PodCountBoard board, IEventRecorder events, TimeProvider time)
    {
        this.events = events;
        this.informers = informers;
        this.config = config;
        this.deciders = deciders;
        this.probe = probe;
        this.board = board;
        this.time = time;
    }

    public string Name => "podautoscaler";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (informers.PodAutoscalers.Lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } original
            || AutoscalerSettings.ClassOf(original) != AutoscalingKeys.KpaClass)
        {
            deciders.Remove(key);
            board.Remove(key);
            return Reconcile.Done;
        }

        var pass = new PodAutoscalerPass(original, config(), client, time.GetUtcNow());
        await pass.Failures.TryAsync(() => StepAsync(pass, cancellation), cancellation).ConfigureAwait(false);
        await pass.FinishAsync(events, cancellation).ConfigureAwait(false);
        return pass.Again is { } again ? Reconcile.After(again) : Reconcile.Done;
    }

    /// <summary>
    /// Each write is a step of its own: a Metric or a ServerlessService that is refused must not keep the target from being scaled, nor
    /// one of them the other.
    /// </summary>
    private async Task StepAsync(PodAutoscalerPass pass, CancellationToken cancellation)
    {
        var (ns, name) = (pass.Original.Metadata.Namespace, pass.Original.Metadata.Name);
        var counts = CountPods(pass);
        if (informers.ServerlessServices.Lister.Get(ns, name) is not { Status.PrivateServiceName.Length: > 0 } service)
        {
            await pass.Failures.TryAsync(
                () => EnsureServiceAsync(pass, ServerlessServiceLifecycle.ModeProxy, LeastActivators, cancellation), cancellation).ConfigureAwait(false);
            pass.Status = PodAutoscalerLifecycle.MarkSksNotReady(pass.Status, "No Private Service Name", pass.Now);
            if (informers.ServerlessServices.Lister.Get(ns, name) is { } failed && ConditionSet.IsFalse(failed.Status.Conditions, ServerlessServiceLifecycle.Ready))
            {
                pass.Observe(failed);
            }

            ComputeStatus(pass, -1, counts);
            return;
        }

        pass.Status = pass.Status with { MetricsServiceName = service.Status.PrivateServiceName };
        var spec = pass.Settings.ToDeciderSpec() with { IsInitializing = !PodAutoscalerLifecycle.IsScaleTargetInitialized(pass.Status) };
        var decision = deciders.Ensure(ObjectKey.Of(pass.Original), spec);

        // With the activator always in the path it has told of every request.
        var target = spec.TargetBurstCapacity == -1 ? "" : service.Status.PrivateServiceName;
        await pass.Failures.TryAsync(() => EnsureMetricAsync(pass, target, cancellation), cancellation).ConfigureAwait(false);
        var want = await ScaleAsync(pass, service, decision.DesiredScale, cancellation).ConfigureAwait(false);

        var mode = want > 0 && decision.ExcessBurstCapacity >= 0 ? ServerlessServiceLifecycle.ModeServe : ServerlessServiceLifecycle.ModeProxy;
        service = await pass.Failures.TryAsync(
            () => EnsureServiceAsync(pass, mode, ActivatorsFor(spec, counts.Ready), cancellation), cancellation).ConfigureAwait(false) ?? service;
        pass.Status = pass.Status with { ServiceName = service.Status.ServiceName };
        pass.Observe(service);
        ComputeStatus(pass, want, counts);
    }

    /// <summary>Activators enough for what the ready pods take and the burst on top; two at least.</summary>
    internal static int ActivatorsFor(DeciderSpec spec, int readyPods)
    {
        if (spec.TargetBurstCapacity == 0) return LeastActivators;
        var capacity = (readyPods * spec.TotalValue) + Math.Max(0, spec.TargetBurstCapacity);
        return (int)Math.Clamp(Math.Ceiling(capacity / spec.ActivatorCapacity), LeastActivators, int.MaxValue);
    }

    private PodCounts CountPods(PodAutoscalerPass pass) => RevisionPods.Count(
        informers.Pods.Lister,
        pass.Original.Metadata.Namespace,
        pass.Original.Metadata.Labels.GetValueOrDefault(ServingKeys.Revision, pass.Original.Metadata.Name));

    /// <summary>Scales the target within its bounds; tells the scale that is wanted, -1 when that is not known.</summary>
    private async Task<int> ScaleAsync(PodAutoscalerPass pass, ServerlessService service, int desired, CancellationToken cancellation)
    {
        var settings = pass.Settings;
        if (desired < 0 && !PodAutoscalerLifecycle.IsActivating(pass.Status)) return desired;
        var least = settings.MinScale;
        if (!PodAutoscalerLifecycle.IsScaleTargetInitialized(pass.Status) && settings.IsReachable && settings.InitialScale > 1)
        {
            least = Math.Max(least, settings.InitialScale);
        }

        // The minimum wins over the maximum, as with the initial scale of a revision that may keep fewer pods later.
        desired = desired < least ? least : settings.MaxScale > 0 ? Math.Min(desired, Math.Max(least, settings.MaxScale)) : desired;
        if (TargetOf(pass) is not { } target) return desired;
        var current = target.Spec?.Replicas ?? 1;
        if (desired == 0)
        {
            var step = await TowardsZeroAsync(pass, service, current, cancellation).ConfigureAwait(false);
            pass.LookAgain(step.Again);
            if (!step.Apply) return step.Scale;
            desired = step.Scale;
        }

        if (desired != current)
        {
            await pass.Failures.TryAsync(() => PatchReplicasAsync(pass, target, desired, cancellation), cancellation).ConfigureAwait(false);
        }

        return desired;
    }

    private async Task<ScaleStep> TowardsZeroAsync(PodAutoscalerPass pass, ServerlessService service, int current, CancellationToken cancellation)
    {
        var limits = ScaleToZeroLimits.Of(pass.Config);
        var inPath = true;
        if (limits.Enabled && PodAutoscalerLifecycle.IsInactive(pass.Status))
        {
            if (current == 0) return new ScaleStep(0, false);
            inPath = pass.Settings.TargetBurstCapacity == -1
                || await probe.IsInPathAsync(pass.Original.Metadata.Namespace, pass.Status.ServiceName, cancellation).ConfigureAwait(false);
        }

        return ScaleToZero.Decide(pass.Status, pass.Settings, service, limits, inPath, pass.Now);
    }

    /// <summary>The Deployment to scale; null, and a failure of the pass, when there is none.</summary>
    private Deployment? TargetOf(PodAutoscalerPass pass)
    {
        var target = pass.Original.Spec.ScaleTargetRef;
        var known = target.Kind == Resources.Deployments.Kind ? informers.Deployments.Lister.Get(pass.Original.Metadata.Namespace, target.Name) : null;
        if (known is null)
        {
            pass.Failures.Add(target.Kind == Resources.Deployments.Kind
                ? new AwaitedException($"failed to get scale target {target.Name}: the Deployment is not known")
                : new InvalidOperationException($"failed to get scale target {target.Kind} {target.Name}: only Deployments can be scaled"));
        }

        return known;
    }

    /// <summary>
    /// Names the version that the decision saw, so that a leader that is none any more cannot undo a newer one's. While pods come up the
    /// Deployment's status moves faster than any cache: a refusal is answered by a look at the newest version and one more patch, and one
    /// more refusal by trying again soon, since the ServerlessService and the status must not wait for it. Replicas that somebody else
    /// set meanwhile were not in the decision, so they are for the next one.
    /// </summary>
    private static async Task PatchReplicasAsync(PodAutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        try
        {
            await PatchOnceAsync(pass, target, scale, cancellation).ConfigureAwait(false);
            return;
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // Looked at anew below.
        }

        var newest = await pass.Client.GetAsync(Resources.Deployments, target.Metadata.Namespace, target.Metadata.Name, cancellation).ConfigureAwait(false);
        if (newest.Spec?.Replicas == scale) return;
        try
        {
            if (newest.Metadata.Uid == target.Metadata.Uid && newest.Spec?.Replicas == target.Spec?.Replicas)
            {
                await PatchOnceAsync(pass, newest, scale, cancellation).ConfigureAwait(false);
                return;
            }
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // It moved again.
        }

        pass.LookAgain(AfterConflict);
    }

    private static async Task PatchOnceAsync(PodAutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        var body = string.Create(
            CultureInfo.InvariantCulture, $$$"""{"metadata":{"resourceVersion":"{{{target.Metadata.ResourceVersion}}}"},"spec":{"replicas":{{{scale}}}}}""");
        await pass.Client.PatchAsync(
            Resources.Deployments, target.Metadata.Namespace, target.Metadata.Name, new Patch(PatchType.Merge, body), cancellation, subresource: "scale")
            .ConfigureAwait(false);
    }

    private Task<ServerlessService> EnsureServiceAsync(PodAutoscalerPass pass, string mode, int activators, CancellationToken cancellation) => Children.EnsureAsync(
        Resources.ServerlessServices,
        informers.ServerlessServices.Lister.Get(pass.Original.Metadata.Namespace, pass.Original.Metadata.Name),
        ChildMaker.ServerlessService(pass.Original, mode, activators),
        static (existing, wanted) => existing with
        {
            Spec = existing.Spec with
            {
                Mode = wanted.Spec.Mode,
                ObjectRef = wanted.Spec.ObjectRef,
                ProtocolType = wanted.Spec.ProtocolType,
                NumActivators = wanted.Spec.NumActivators,
            },
        },
        pass.Original, pass.Client, cancellation);

    private Task<Metric> EnsureMetricAsync(PodAutoscalerPass pass, string scrapeTarget, CancellationToken cancellation) => Children.EnsureAsync(
        Resources.Metrics,
        informers.Metrics.Lister.Get(pass.Original.Metadata.Namespace, pass.Original.Metadata.Name),
        ChildMaker.Metric(pass.Original, pass.Settings, scrapeTarget),
        static (existing, wanted) => existing with
        {
            Spec = existing.Spec with
            {
                StableWindow = wanted.Spec.StableWindow,
                PanicWindow = wanted.Spec.PanicWindow,
                ScrapeTarget = wanted.Spec.ScrapeTarget,
            },
        },
        pass.Original, pass.Client, cancellation);

    private void ComputeStatus(PodAutoscalerPass pass, int want, PodCounts counts)
    {
        // A decider that has just begun knows nothing; what was wanted before still holds.
        var keep = want < 0 && pass.Status.DesiredScale >= 0;
        pass.Status = pass.Status with { ActualScale = counts.Ready, DesiredScale = keep ? pass.Status.DesiredScale : want };
        pass.Status = pass.NotOwned is { } refused
            ? PodAutoscalerLifecycle.MarkResourceNotOwned(pass.Status, refused.Kind, refused.Key.Name, pass.Now, refused.Holder)
            : ActiveCondition.Apply(pass.Status, pass.Settings, want, counts.Ready, pass.Now);
        board.Note(pass.Original, want, counts);
    }
}

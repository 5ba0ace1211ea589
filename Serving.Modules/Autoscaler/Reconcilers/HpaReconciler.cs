using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Hands revisions of the HPA class to a HorizontalPodAutoscaler of Kubernetes. They are always active and always served by their pods.</summary>
internal sealed class HpaReconciler(AutoscalerInformers informers, Func<ConfigSnapshot> config, IEventRecorder events, TimeProvider time) : IReconciler
{
    public string Name => "hpa";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (informers.PodAutoscalers.Lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } original
            || AutoscalerSettings.ClassOf(original) != AutoscalingKeys.HpaClass)
        {
            return Reconcile.Done;
        }

        var pass = new PodAutoscalerPass(original, config(), client, time.GetUtcNow());
        await pass.Failures.TryAsync(() => StepAsync(pass, cancellation), cancellation).ConfigureAwait(false);
        await pass.FinishAsync(events, cancellation).ConfigureAwait(false);
        return Reconcile.Done;
    }

    /// <summary>A HorizontalPodAutoscaler that is refused must not keep requests from the pods that are there, so each child is a step of its own.</summary>
    private async Task StepAsync(PodAutoscalerPass pass, CancellationToken cancellation)
    {
        var (ns, name) = (pass.Original.Metadata.Namespace, pass.Original.Metadata.Name);
        var existing = informers.HorizontalPodAutoscalers.Lister.Get(ns, name);
        var hpa = await pass.Failures.TryAsync(() => EnsureHpaAsync(pass, existing, cancellation), cancellation).ConfigureAwait(false) ?? existing;
        var service = await pass.Failures.TryAsync(() => EnsureServiceAsync(pass, cancellation), cancellation).ConfigureAwait(false)
            ?? informers.ServerlessServices.Lister.Get(ns, name);
        if (pass.NotOwned is { } refused)
        {
            pass.Status = PodAutoscalerLifecycle.MarkResourceNotOwned(pass.Status, refused.Kind, refused.Key.Name, pass.Now, refused.Holder);
        }
        else if (hpa is not null && service is not null)
        {
            ComputeStatus(pass, hpa, service);
        }
    }

    private Task<ServerlessService> EnsureServiceAsync(PodAutoscalerPass pass, CancellationToken cancellation)
        => Children.EnsureAsync(
            Resources.ServerlessServices,
            informers.ServerlessServices.Lister.Get(pass.Original.Metadata.Namespace, pass.Original.Metadata.Name),
            ChildMaker.ServerlessService(pass.Original, ServerlessServiceLifecycle.ModeServe, activators: 0),
            static (existing, wanted) => existing with
            {
                Spec = existing.Spec with { Mode = wanted.Spec.Mode, ObjectRef = wanted.Spec.ObjectRef, ProtocolType = wanted.Spec.ProtocolType, NumActivators = 0 },
            },
            pass.Original, pass.Client, cancellation);

    /// <summary>When Kubernetes does not take it, the status says so at once.</summary>
    private async Task<HorizontalPodAutoscaler> EnsureHpaAsync(PodAutoscalerPass pass, HorizontalPodAutoscaler? existing, CancellationToken cancellation)
    {
        try
        {
            return await Children.EnsureAsync(
                Resources.HorizontalPodAutoscalers,
                existing,
                ChildMaker.HorizontalPodAutoscaler(pass.Original, pass.Settings),
                static (existing, wanted) => existing with { Spec = HpaSpec.Merge(existing.Spec ?? new HorizontalPodAutoscalerSpec(), wanted.Spec!) },
                pass.Original, pass.Client, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException failed) when (existing is null && !PodAutoscalerPass.IsStaleCache(failed))
        {
            // Not refused, but not made either: the server or what is before it failed.
            pass.Status = PodAutoscalerLifecycle.MarkResourceFailedCreation(
                pass.Status, Resources.HorizontalPodAutoscalers.Kind, pass.Original.Metadata.Name, pass.Now, failed.Status.Message);
            throw;
        }
    }

    private static void ComputeStatus(PodAutoscalerPass pass, HorizontalPodAutoscaler hpa, ServerlessService service)
    {
        var replicas = hpa.Status?.CurrentReplicas ?? 0;
        var status = pass.Status with
        {
            MetricsServiceName = service.Status.PrivateServiceName,
            ServiceName = service.Status.ServiceName,
            DesiredScale = hpa.Status?.DesiredReplicas ?? 0,
            ActualScale = replicas,
        };
        if (ServerlessServiceLifecycle.IsReady(service))
        {
            status = PodAutoscalerLifecycle.MarkSksReady(status, pass.Now);
            if (replicas >= ActiveCondition.Threshold(status, pass.Settings)) status = PodAutoscalerLifecycle.MarkScaleTargetInitialized(status, pass.Now);
        }
        else
        {
            status = PodAutoscalerLifecycle.MarkSksNotReady(status, "SKS Services are not ready yet", pass.Now);
        }

        pass.Status = PodAutoscalerLifecycle.MarkActive(status, pass.Now);
    }
}

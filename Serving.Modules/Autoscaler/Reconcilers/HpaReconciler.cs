using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Hands revisions of the HPA class to a HorizontalPodAutoscaler of Kubernetes. They are always active and always served by their pods.</summary>
internal sealed class HpaReconciler(AutoscalerInformers informers, Func<ConfigSnapshot> config, TimeProvider time) : IReconciler
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
        try
        {
            await StepAsync(pass, cancellation).ConfigureAwait(false);
        }
        catch (NotOwnedException refused)
        {
            pass.Status = PodAutoscalerLifecycle.MarkResourceNotOwned(pass.Status, refused.Kind, refused.ChildName, pass.Now);
            await pass.WriteStatusAsync(cancellation).ConfigureAwait(false);
            throw;
        }

        await pass.WriteStatusAsync(cancellation).ConfigureAwait(false);
        return Reconcile.Done;
    }

    private async Task StepAsync(PodAutoscalerPass pass, CancellationToken cancellation)
    {
        var (ns, name) = (pass.Original.Metadata.Namespace, pass.Original.Metadata.Name);
        var hpa = await EnsureHpaAsync(pass, cancellation).ConfigureAwait(false);
        var service = await Children.EnsureAsync(
            Resources.ServerlessServices,
            informers.ServerlessServices.Lister.Get(ns, name),
            ChildMaker.ServerlessService(pass.Original, ServerlessServiceLifecycle.ModeServe, activators: 0),
            static (existing, wanted) => existing with
            {
                Spec = existing.Spec with { Mode = wanted.Spec.Mode, ObjectRef = wanted.Spec.ObjectRef, ProtocolType = wanted.Spec.ProtocolType, NumActivators = 0 },
            },
            pass.Original, pass.Client, cancellation).ConfigureAwait(false);
        ComputeStatus(pass, hpa, service);
    }

    /// <summary>When Kubernetes does not take it, the status says so at once.</summary>
    private async Task<HorizontalPodAutoscaler> EnsureHpaAsync(PodAutoscalerPass pass, CancellationToken cancellation)
    {
        var (ns, name) = (pass.Original.Metadata.Namespace, pass.Original.Metadata.Name);
        var existing = informers.HorizontalPodAutoscalers.Lister.Get(ns, name);
        try
        {
            return await Children.EnsureAsync(
                Resources.HorizontalPodAutoscalers,
                existing,
                ChildMaker.HorizontalPodAutoscaler(pass.Original, pass.Settings),
                static (existing, wanted) => existing with { Spec = HpaSpec.Merge(existing.Spec ?? new HorizontalPodAutoscalerSpec(), wanted.Spec!) },
                pass.Original, pass.Client, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException refused) when (existing is null && !refused.IsAlreadyExists)
        {
            // One that exists already was made by the pass before, which the cache has not heard of: no failure.
            pass.Status = PodAutoscalerLifecycle.MarkResourceFailedCreation(pass.Status, Resources.HorizontalPodAutoscalers.Kind, name, pass.Now);
            await pass.WriteStatusAsync(cancellation).ConfigureAwait(false);
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

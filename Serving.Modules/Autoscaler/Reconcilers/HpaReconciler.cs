using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Reconciles PodAutoscalers of the HPA class through a HorizontalPodAutoscaler. They are always active and always served by their
/// pods.</summary>
internal sealed class HpaReconciler(AutoscalerInformers informers, Func<ConfigSnapshot> config, IEventRecorder events, TimeProvider time)
    : AutoscalerClassReconciler(AutoscalingKeys.HpaClass, informers, events, time)
{
    private readonly ILister<HorizontalPodAutoscaler> _autoscalers = informers.HorizontalPodAutoscalers.Lister;

    public override string Name => "hpa";

    /// <summary>A rejected HorizontalPodAutoscaler must not keep requests from existing pods, so each child is a separate step.</summary>
    protected override async Task ReconcileAsync(AutoscalerPass pass, CancellationToken cancellation)
    {
        var settings = new AutoscalerSettings(pass.Object, config().Autoscaler);
        var existing = _autoscalers.Get(pass.Namespace, pass.Name);
        var hpa = await pass.TryAsync(() => EnsureHpaAsync(pass, settings, existing, cancellation), cancellation) ?? existing;
        var service =
            await pass.TryAsync(
                () => EnsureServiceAsync(pass, ServerlessServiceLifecycle.ModeServe, activators: 0, cancellation),
                cancellation
            ) ?? KnownService(pass);
        if (!HasForeignChild(pass) && hpa is not null && service is not null)
        {
            ComputeStatus(pass, settings, hpa, service);
        }
    }

    /// <summary>If Kubernetes rejects it, the status reports that immediately.</summary>
    private static async Task<HorizontalPodAutoscaler> EnsureHpaAsync(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        HorizontalPodAutoscaler? cached,
        CancellationToken cancellation
    )
    {
        try
        {
            return (
                await pass.EnsureAsync(
                    Resources.HorizontalPodAutoscalers,
                    cached,
                    ChildMaker.HorizontalPodAutoscaler(pass.Object, settings),
                    static (existing, wanted) =>
                        existing with
                        {
                            Spec = HpaSpec.Merge(existing.Spec ?? new HorizontalPodAutoscalerSpec(), wanted.Spec!),
                        },
                    cancellation
                )
            ).Object;
        }
        catch (KubernetesException failed) when (cached is null && !StepFailures.IsStaleCache(failed))
        {
            // Not rejected, but not created either: the API server or a proxy failed.
            pass.Status = PodAutoscalerLifecycle.MarkResourceFailedCreation(
                pass.Status,
                Resources.HorizontalPodAutoscalers.Kind,
                pass.Name,
                pass.Now,
                failed.Status.Message
            );
            throw;
        }
    }

    private static void ComputeStatus(
        AutoscalerPass pass,
        AutoscalerSettings settings,
        HorizontalPodAutoscaler hpa,
        ServerlessService service
    )
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
            if (replicas >= ActiveCondition.Threshold(status, settings))
                status = PodAutoscalerLifecycle.MarkScaleTargetInitialized(status, pass.Now);
        }
        else
        {
            status = PodAutoscalerLifecycle.MarkSksNotReady(status, "SKS Services are not ready yet", pass.Now);
        }

        pass.Status = PodAutoscalerLifecycle.MarkActive(status, pass.Now);
    }
}

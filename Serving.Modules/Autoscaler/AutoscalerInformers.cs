using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;

namespace Serving.Autoscaler;

/// <summary>The informers used by the autoscaler.</summary>
internal sealed class AutoscalerInformers
{
    public AutoscalerInformers(IInformers informers)
    {
        PodAutoscalers = informers.For(Resources.PodAutoscalers);
        Metrics = informers.For(Resources.Metrics);
        ServerlessServices = informers.For(Resources.ServerlessServices);
        Deployments = informers.For(Resources.Deployments);
        Endpoints = informers.For(Resources.Endpoints);
        Pods = informers.For(Resources.Pods, labelSelector: RevisionPods.Selector);
        HorizontalPodAutoscalers = informers.For(Resources.HorizontalPodAutoscalers);
    }

    public IInformer<PodAutoscaler> PodAutoscalers { get; }

    public IInformer<Metric> Metrics { get; }

    public IInformer<ServerlessService> ServerlessServices { get; }

    public IInformer<Deployment> Deployments { get; }

    public IInformer<Endpoints> Endpoints { get; }

    public IInformer<Pod> Pods { get; }

    public IInformer<HorizontalPodAutoscaler> HorizontalPodAutoscalers { get; }
}

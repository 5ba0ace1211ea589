using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.LocalCluster.Controllers.Autoscaling;
using Serving.LocalCluster.Controllers.Deployments;
using Serving.LocalCluster.Controllers.Endpoints;
using Serving.LocalCluster.Controllers.GarbageCollection;
using Serving.LocalCluster.Controllers.Namespaces;
using Serving.LocalCluster.Controllers.ReplicaSets;

namespace Serving.LocalCluster.Controllers;

/// <summary>
/// The built-in controllers of a cluster: Deployments, ReplicaSets, Endpoints and EndpointSlices, namespaces, garbage
/// collection, HorizontalPodAutoscalers. Everything is driven by events, because a cold start waits for the chain from Deployment to
/// endpoint.
/// </summary>
public sealed class ClusterControllers
{
    private const int Workers = 4;

    private readonly List<ReconcileLoop> _loops = [];
    private readonly GarbageCollector _garbage;

    /// <param name="informers">The informers of the process.</param>
    /// <param name="discovery">Lists the kinds of the API server.</param>
    /// <param name="events">Records Kubernetes events.</param>
    /// <param name="caCertificate">The API server's CA in PEM, for <c>kube-root-ca.crt</c>.</param>
    /// <param name="loggers">Creates the loggers of the controllers.</param>
    /// <param name="time">The clock.</param>
    public ClusterControllers(
        IInformers informers,
        IResourceDiscovery discovery,
        IEventRecorder events,
        string caCertificate,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        ArgumentNullException.ThrowIfNull(informers);
        var logger = loggers.CreateLogger("cluster-controllers");
        var deployments = informers.For(Resources.Deployments);
        var replicaSets = informers.For(Resources.ReplicaSets);
        var pods = informers.For(Resources.Pods);
        var services = informers.For(Resources.Services);
        var namespaces = informers.For(Resources.Namespaces);
        var endpoints = new EndpointsReconciler(informers);
        var deployment = new DeploymentReconciler(informers, events, time);
        var replicaSet = new ReplicaSetReconciler(informers, events, time);
        Add(deployment).For(deployments).Owns(replicaSets, Resources.Deployments.Kind).Watches(replicaSets, deployment.ClaimantsOf);
        Add(replicaSet).For(replicaSets).Owns(pods, Resources.ReplicaSets.Kind).Watches(pods, replicaSet.ClaimantsOf);
        Add(endpoints)
            .For(services)
            .For(informers.For(Resources.Endpoints))
            .Watches(pods, endpoints.ServicesOf)
            .Watches(informers.For(Resources.EndpointSlices), ServiceOf);
        Add(new NamespaceDefaultsReconciler(informers, caCertificate))
            .For(namespaces)
            .Watches(informers.For(Resources.ServiceAccounts), NamespaceDefaultsReconciler.NamespaceOf)
            .Watches(informers.For(Resources.ConfigMaps), NamespaceDefaultsReconciler.NamespaceOf);
        Add(new NamespaceTerminationReconciler(informers, discovery)).For(namespaces);
        var usage = new ProcessUsage(time);
        var autoscaler = new HorizontalPodAutoscalerReconciler(informers, pod => usage.Of(pod.Metadata.Uid), events, time);
        Add(autoscaler).For(informers.For(Resources.HorizontalPodAutoscalers)).Watches(deployments, autoscaler.ScalersOf);
        _garbage = new GarbageCollector(informers, discovery, logger, time);

        ReconcileLoop Add(IReconciler reconciler)
        {
            var loop = new ReconcileLoop(reconciler, logger, time, Workers);
            _loops.Add(loop);
            return loop;
        }
    }

    /// <summary>Runs until cancelled.</summary>
    public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) =>
        Task.WhenAll([.. _loops.Select(loop => loop.RunAsync(client, cancellation)), _garbage.RunAsync(client, cancellation)]);

    private static IEnumerable<ObjectKey> ServiceOf(Api.Core.EndpointSlice slice) =>
        slice.Metadata.Labels.GetValueOrDefault(EndpointsMaker.ServiceNameLabel) is { } service
            ? [new ObjectKey(slice.Metadata.Namespace, service)]
            : [];
}

using NSubstitute;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.LocalCluster.Controllers.Deployments;
using Serving.LocalCluster.Controllers.Endpoints;
using Serving.LocalCluster.Controllers.ReplicaSets;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers;

/// <summary>The workload reconcilers over an in-memory cluster, run manually in virtual time. Tests set the readiness of pods.</summary>
internal sealed class ControllerCluster
{
    private readonly DeploymentReconciler _deployments;
    private readonly ReplicaSetReconciler _replicaSets;
    private readonly EndpointsReconciler _endpoints;

    public ControllerCluster()
    {
        Cluster = new InMemoryCluster(Time);
        _deployments = new DeploymentReconciler(Cluster, Events, Time);
        _replicaSets = new ReplicaSetReconciler(Cluster, Events, Time);
        _endpoints = new EndpointsReconciler(Cluster);
    }

    public ManualTimeProvider Time { get; } = new();

    public InMemoryCluster Cluster { get; }

    public IEventRecorder Events { get; } = Substitute.For<IEventRecorder>();

    public Deployment Deployment => Cluster.Find(Resources.Deployments, "ns", "d")!;

    public IReadOnlyList<ReplicaSet> Sets => Cluster.All(Resources.ReplicaSets);

    public IReadOnlyList<Pod> Pods => Cluster.All(Resources.Pods);

    /// <summary>The sizes of the ReplicaSets by the image of their pods.</summary>
    public Dictionary<string, int> Sizes =>
        Sets.ToDictionary(set => set.Spec!.Template!.Spec!.Containers[0].Image, set => set.Spec!.Replicas ?? 1);

    /// <summary>Reconciles every ReplicaSet once, then the Deployment; returns its requeue delay.</summary>
    public async Task<TimeSpan?> StepAsync()
    {
        foreach (var set in Sets)
        {
            await _replicaSets.ReconcileAsync(ObjectKey.Of(set), Cluster, CancellationToken.None);
        }

        return (await _deployments.ReconcileAsync(new ObjectKey("ns", "d"), Cluster, CancellationToken.None)).Requeue;
    }

    /// <summary>Reconciles until nothing is written; returns the Deployment's requeue delay.</summary>
    public async Task<TimeSpan?> SettleAsync()
    {
        for (var round = 0; round < 50; round++)
        {
            Cluster.ForgetWrites();
            var requeue = await StepAsync();
            if (Cluster.Writes.Count == 0)
            {
                return requeue;
            }
        }

        throw new InvalidOperationException("the reconcilers write for ever");
    }

    public Task ReconcileDeploymentAsync() => _deployments.ReconcileAsync(new ObjectKey("ns", "d"), Cluster, CancellationToken.None);

    public Task ReconcileSetAsync(string name) => _replicaSets.ReconcileAsync(new ObjectKey("ns", name), Cluster, CancellationToken.None);

    public Task ReconcileServiceAsync(string name) => _endpoints.ReconcileAsync(new ObjectKey("ns", name), Cluster, CancellationToken.None);

    public void Put(Deployment deployment) => Cluster.Put(Resources.Deployments, deployment);

    /// <summary>Changes the specification, as a user would.</summary>
    public void Change(Func<DeploymentSpec, DeploymentSpec> change) => Put(Deployment with { Spec = change(Deployment.Spec!) });

    /// <summary>Makes the pods of an image, or all pods, ready.</summary>
    public void Answer(string? image = null)
    {
        foreach (var pod in Pods.Where(pod => image is null || pod.Spec!.Containers[0].Image == image))
        {
            Cluster.Put(
                Resources.Pods,
                pod with
                {
                    Status = Samples.Pod("x", "127.0.9.1", ready: true).Status! with
                    {
                        PodIP = $"127.0.9.{pod.Metadata.Name.GetHashCode(StringComparison.Ordinal) & 255}",
                    },
                }
            );
        }
    }
}

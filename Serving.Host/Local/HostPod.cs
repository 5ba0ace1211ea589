using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.LocalCluster.Node;

namespace Serving.Host.Local;

/// <summary>
/// Represents this process in the API as a pod of the system namespace, so that Services such as <c>webhook</c> and
/// <c>activator-service</c> have endpoints as in a cluster. It is bound to no node, so no kubelet runs it; the local node probes it as a
/// kubelet would (<see cref="StandInProbes"/>), so that a killed process receives no more requests.
/// </summary>
internal sealed class HostPod(
    IKubernetesClient client,
    ClusterEnvironment environment,
    IReadOnlyList<string> modules,
    string log,
    TimeProvider time
)
{
    private const string ModuleLabel = "serving.knative.dev/module-";
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>The uid of the pod that was created last; empty before.</summary>
    public string Uid { get; private set; } = "";

    /// <summary>Creates the pod, not ready yet. Replaces a pod of an earlier run.</summary>
    public async Task CreateAsync(CancellationToken cancellation)
    {
        await RemoveAsync(cancellation);
        var labels = new Dictionary<string, string> { ["app"] = "serving" };
        foreach (var module in modules)
        {
            labels[ModuleLabel + module] = "true";
        }

        var created = await client.CreateAsync(
            Resources.Pods,
            new Pod
            {
                ApiVersion = Resources.Pods.ApiVersion,
                Kind = Resources.Pods.Kind,
                Metadata = new ObjectMeta
                {
                    Name = environment.PodName,
                    Namespace = environment.SystemNamespace,
                    Labels = labels,
                    Annotations = new Dictionary<string, string> { [StandInProbes.LogAnnotation] = log },
                },
                Spec = new PodSpec { NodeName = StandInProbes.NodeName, Containers = [Container()] },
            },
            cancellation
        );
        Uid = created.Metadata.Uid;
        await SetReadyAsync(false, cancellation);
    }

    /// <summary>Recreates the pod when it was deleted: without it no Service, including the webhook's, routes to this process.</summary>
    /// <param name="failed">Called with the reason when the pod could not be created; it is retried.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task KeepAsync(Action<string> failed, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(cancellation))
        {
            try
            {
                var pods = await client.ListAsync(
                    Resources.Pods,
                    environment.SystemNamespace,
                    new ListOptions(FieldSelector: $"metadata.name={environment.PodName}"),
                    cancellation
                );
                if (pods.Items is not [{ Metadata.DeletionTimestamp: null }])
                {
                    await CreateAsync(cancellation);
                    await SetReadyAsync(true, cancellation);
                }
            }
            catch (KubernetesException failure)
            {
                failed(failure.Message);
            }
        }
    }

    /// <summary>Sets whether the process may receive traffic.</summary>
    public async Task SetReadyAsync(bool ready, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                await TrySetReadyAsync(ready, cancellation);
                return;
            }
            catch (KubernetesException newer) when (newer.IsConflict)
            {
                // The node's probe has written the status in the meantime.
            }
        }
    }

    private static Container Container() =>
        new()
        {
            Name = "serving",
            Image = "serving.local/host",
            Ports = [new ContainerPort { Name = "metrics", Number = Composition.ProcessObservability.PrometheusPort }],
            ReadinessProbe = new Probe
            {
                HttpGet = new HttpGetAction { Path = "/readyz", Port = Composition.ControlPlane.HealthPort },
                PeriodSeconds = 1,

                // A dead process refuses the connection at once. A busy machine responds late, and without this pod no write is admitted at
                // all.
                TimeoutSeconds = 5,
                FailureThreshold = 2,
            },
        };

    private async Task TrySetReadyAsync(bool ready, CancellationToken cancellation)
    {
        var pod = await client.GetAsync(Resources.Pods, environment.SystemNamespace, environment.PodName, cancellation);
        var now = time.GetUtcNow();
        var state = ready ? "True" : "False";
        await client.UpdateStatusAsync(
            Resources.Pods,
            pod with
            {
                Status = new PodStatus
                {
                    Phase = "Running",
                    PodIP = environment.PodIP.ToString(),
                    HostIP = environment.PodIP.ToString(),
                    StartTime = pod.Status?.StartTime ?? now,
                    Conditions =
                    [
                        .. new[] { "PodScheduled", "Initialized", "ContainersReady", "Ready" }.Select(type => new Condition
                        {
                            Type = type,
                            Status = type.EndsWith("Ready", StringComparison.Ordinal) ? state : "True",
                            LastTransitionTime = now,
                        }),
                    ],
                    ContainerStatuses =
                    [
                        new ContainerStatus
                        {
                            Name = "serving",
                            Image = "serving.local/host",
                            Ready = ready,
                            Started = true,
                            State = new ContainerState { Running = new ContainerStateRunning { StartedAt = pod.Status?.StartTime ?? now } },
                        },
                    ],
                },
            },
            cancellation
        );
    }

    /// <summary>Removes the pod, and with it this process's endpoints.</summary>
    public async Task RemoveAsync(CancellationToken cancellation)
    {
        try
        {
            await client.DeleteAsync(
                Resources.Pods,
                environment.SystemNamespace,
                environment.PodName,
                cancellation,
                new DeleteOptions(GracePeriodSeconds: 0)
            );
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            // The pod did not exist.
        }
    }
}

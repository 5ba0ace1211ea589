using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.LocalCluster.Node;

namespace Serving.Host.Local;

/// <summary>
/// Stands for this process in the API, as a pod of the system namespace, so that Services such as <c>webhook</c> and
/// <c>activator-service</c> have endpoints as in a cluster. It belongs to no node, so nobody tries to run it; the node probes
/// it as a kubelet would (<see cref="StandInProbes"/>), so that a process that was killed gets no more requests.
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

    /// <summary>Creates the pod, not ready yet, in place of one that an earlier run left behind.</summary>
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

    /// <summary>Stands for the process again whenever somebody has deleted the pod: without it no Service leads here, that of the webhook
    /// among them.</summary>
    /// <param name="failed">Hears why it could not be; it is tried again.</param>
    /// <param name="cancellation">Ends it.</param>
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

    /// <summary>Says whether the process may get traffic.</summary>
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
                // The node's probe has written it meanwhile.
            }
        }
    }

    private static Container Container() =>
        new()
        {
            Name = "serving",
            Image = "serving.local/host",
            ReadinessProbe = new Probe
            {
                HttpGet = new HttpGetAction { Path = "/readyz", Port = Composition.ControlPlane.HealthPort },
                PeriodSeconds = 1,

                // A dead process refuses at once. A busy machine answers late, and without this pod no write is admitted at all.
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

    /// <summary>Removes the pod, and with it the process's place in the Services.</summary>
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
            // There was none.
        }
    }
}

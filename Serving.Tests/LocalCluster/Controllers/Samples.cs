using Serving.Api.Core;

namespace Serving.Tests.LocalCluster.Controllers;

/// <summary>Sample workloads for controller tests.</summary>
internal static class Samples
{
    public static readonly DateTimeOffset Noon = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, string> App = new() { ["app"] = "d" };

    public static Deployment Deployment(int replicas, string image = "one", DeploymentStrategy? strategy = null) =>
        new()
        {
            Metadata = new ObjectMeta { Name = "d", Namespace = "ns" },
            Spec = new DeploymentSpec
            {
                Replicas = replicas,
                Strategy = strategy,
                ProgressDeadlineSeconds = 60,
                Selector = new LabelSelector { MatchLabels = App },
                Template = new PodTemplateSpec
                {
                    Metadata = new ObjectMeta { Labels = App },
                    Spec = new PodSpec { Containers = [new Container { Name = "c", Image = image }] },
                },
            },
        };

    public static DeploymentStrategy Rolling(IntOrString surge, IntOrString unavailable) =>
        new()
        {
            Type = "RollingUpdate",
            RollingUpdate = new RollingUpdateDeployment { MaxSurge = surge, MaxUnavailable = unavailable },
        };

    public static ReplicaSet Set(string name, int size, int available = 0, int? exist = null) =>
        new()
        {
            Metadata = new ObjectMeta { Name = name, Namespace = "ns" },
            Spec = new ReplicaSetSpec
            {
                Replicas = size,
                Template = new PodTemplateSpec { Spec = new PodSpec { Containers = [new Container { Name = "c", Image = "one" }] } },
            },
            Status = new ReplicaSetStatus { Replicas = exist ?? size, AvailableReplicas = available },
        };

    public static Pod Pod(string name, string ip = "", bool ready = false, string phase = "Running", string node = "local") =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = name,
                Namespace = "ns",
                Uid = "uid-" + name,
                Labels = App,
                CreationTimestamp = Noon,
            },
            Spec = new PodSpec
            {
                NodeName = node,
                Containers =
                [
                    new Container
                    {
                        Name = "c",
                        Image = "one",
                        Ports = [new ContainerPort { Name = "http", Number = 8012 }],
                    },
                ],
            },
            Status = new PodStatus
            {
                Phase = phase,
                PodIP = ip,
                Conditions =
                [
                    new Condition
                    {
                        Type = "Ready",
                        Status = ready ? "True" : "False",
                        LastTransitionTime = Noon,
                    },
                ],
            },
        };

    public static CoreService Service(params ServicePort[] ports) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Name = "s",
                Namespace = "ns",
                Uid = "uid-s",
                Labels = new Dictionary<string, string> { ["team"] = "blue" },
            },
            Spec = new CoreServiceSpec
            {
                Selector = App,
                Ports = ports,
                ClusterIP = "10.0.0.1",
                Type = "ClusterIP",
            },
        };

    public static Pod With(this Pod pod, Func<ObjectMeta, ObjectMeta> change) => pod with { Metadata = change(pod.Metadata) };

    public static CoreService With(this CoreService service, Func<CoreServiceSpec, CoreServiceSpec> change) =>
        service with
        {
            Spec = change(service.Spec!),
        };

    public static ServicePort Port(string name, int port, IntOrString? target = null) =>
        new()
        {
            Name = name,
            Port = port,
            TargetPort = target,
        };
}

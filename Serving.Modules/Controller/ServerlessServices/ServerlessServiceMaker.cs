using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller.ServerlessServices;

/// <summary>Makes the children of a ServerlessService: two Services, and the Endpoints of the one without a selector.</summary>
internal static class ServerlessServiceMaker
{
    private const string Tcp = "TCP";
    private const string AppProtocolH2C = "kubernetes.io/h2c";
    private const string AutoscalingMetricsPortName = "http-autometric";
    private const string UserMetricsPortName = "http-usermetric";

    /// <summary>The pod's port for the Revision's protocol.</summary>
    public static int TargetPort(ServerlessService owner) => IsH2C(owner) ? NetworkingKeys.QueueHttp2Port : NetworkingKeys.QueueHttpPort;

    /// <summary>The Service over the Revision's pods.</summary>
    public static CoreService PrivateService(ServerlessService owner, IReadOnlyDictionary<string, string> selector) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Service",
            Metadata = Child(owner, ChildName.PrivateService(owner.Metadata.Name), NetworkingKeys.ServiceTypePrivate),
            Spec = new CoreServiceSpec { Ports = PrivatePorts(owner), Selector = selector },
        };

    /// <summary>The Service that receives traffic. It has no selector: its Endpoints are written by us.</summary>
    public static CoreService PublicService(ServerlessService owner) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Service",
            Metadata = Child(owner, owner.Metadata.Name, NetworkingKeys.ServiceTypePublic),
            Spec = new CoreServiceSpec { Ports = PublicPorts(owner) },
        };

    /// <summary>The Endpoints of the public Service.</summary>
    public static Endpoints PublicEndpoints(ServerlessService owner, IReadOnlyList<EndpointSubset> source) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Endpoints",
            Metadata = Child(owner, owner.Metadata.Name, NetworkingKeys.ServiceTypePublic),
            Subsets = ServingPorts(owner, source),
        };

    /// <summary>The same addresses with only the ports for the Revision's protocol.</summary>
    public static IReadOnlyList<EndpointSubset> ServingPorts(ServerlessService owner, IReadOnlyList<EndpointSubset> source)
    {
        var target = TargetPort(owner);
        return
        [
            .. source.Select(subset =>
                subset with
                {
                    Ports = [.. subset.Ports.Where(port => port.Port == target || port.Port == NetworkingKeys.QueueHttpsPort)],
                }
            ),
        ];
    }

    /// <summary>The subset of activators for this Revision's traffic: all when <paramref name="count"/> is 0 or not less than their
    /// number.</summary>
    public static IReadOnlyList<EndpointSubset> ActivatorSubset(IReadOnlyList<EndpointSubset> activators, string target, int count)
    {
        var addresses = activators
            .SelectMany(static subset => subset.Addresses)
            .Select(static address => address.Ip)
            .ToHashSet(StringComparer.Ordinal);
        if (count == 0 || addresses.Count <= count)
        {
            return activators;
        }

        var chosen = ConsistentSubset.Choose(addresses, count, target);
        return
        [
            .. activators
                .Select(subset => subset with { Addresses = [.. subset.Addresses.Where(address => chosen.Contains(address.Ip))] })
                .Where(static subset => subset.Addresses.Count > 0),
        ];
    }

    /// <summary>The number of ready addresses.</summary>
    public static int ReadyCount(Endpoints? endpoints) => endpoints?.Subsets.Sum(static subset => subset.Addresses.Count) ?? 0;

    private static bool IsH2C(ServerlessService owner) => owner.Spec.ProtocolType == NetworkingKeys.ProtocolH2C;

    private static string PortName(ServerlessService owner) =>
        IsH2C(owner) ? NetworkingKeys.ServicePortNameH2C : NetworkingKeys.ServicePortNameHttp1;

    private static IReadOnlyList<ServicePort> PublicPorts(ServerlessService owner) =>
        [
            Port(
                PortName(owner),
                IsH2C(owner) ? NetworkingKeys.ServiceHttp2Port : NetworkingKeys.ServiceHttpPort,
                TargetPort(owner),
                IsH2C(owner)
            ),
            Port(NetworkingKeys.ServicePortNameHttps, NetworkingKeys.ServiceHttpsPort, NetworkingKeys.QueueHttpsPort),
        ];

    private static IReadOnlyList<ServicePort> PrivatePorts(ServerlessService owner) =>
        [
            Port(PortName(owner), NetworkingKeys.ServiceHttpPort, TargetPort(owner), IsH2C(owner)),
            Port(NetworkingKeys.ServicePortNameHttps, NetworkingKeys.ServiceHttpsPort, NetworkingKeys.QueueHttpsPort),
            Port(AutoscalingMetricsPortName, NetworkingKeys.AutoscalingMetricsPort, AutoscalingMetricsPortName),
            Port(UserMetricsPortName, NetworkingKeys.UserMetricsPort, UserMetricsPortName),
            // A mesh with pod addressability opens a listener on the pod only for ports of a Service.
            Port(PortName(owner) + "-istio", TargetPort(owner), TargetPort(owner)),
        ];

    private static ServicePort Port(string name, int port, IntOrString target, bool h2c = false) =>
        new()
        {
            Name = name,
            Protocol = Tcp,
            AppProtocol = h2c ? AppProtocolH2C : null,
            Port = port,
            TargetPort = target,
        };

    private static ObjectMeta Child(ServerlessService owner, string name, string serviceType)
    {
        var labels = new Dictionary<string, string>(owner.Metadata.Labels)
        {
            [NetworkingKeys.ServerlessService] = owner.Metadata.Name,
            [NetworkingKeys.ServiceType] = serviceType,
        };
        return new ObjectMeta
        {
            Name = name,
            Namespace = owner.Metadata.Namespace,
            Labels = labels,
            Annotations = owner.Metadata.Annotations,
            OwnerReferences = [Ownership.ControllerReference(Resources.ServerlessServices, owner)],
        };
    }
}

using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.Endpoints;

/// <summary>The Endpoints and EndpointSlices that a Service with a selector should have. Pure.</summary>
internal static class EndpointsMaker
{
    /// <summary>The label with the Service of a slice.</summary>
    public const string ServiceNameLabel = "kubernetes.io/service-name";

    /// <summary>The label with the writer of a slice.</summary>
    public const string ManagedByLabel = "endpointslice.kubernetes.io/managed-by";

    /// <summary>The writer of slices for Services with a selector.</summary>
    public const string ManagedByController = "endpointslice-controller.k8s.io";

    private const string HeadlessLabel = "service.kubernetes.io/headless";

    /// <summary>The Endpoints of a Service: ready and not ready addresses, grouped by their ports.</summary>
    public static Api.Core.Endpoints MakeEndpoints(CoreService service, IEnumerable<Pod> pods)
    {
        var unready = service.Spec?.PublishNotReadyAddresses == true;
        var subsets = ByPorts(service, pods.Where(pod => pod.Metadata.DeletionTimestamp is null || unready))
            .Select(group => new EndpointSubset
            {
                Addresses = [.. group.Pods.Where(pod => unready || PodState.IsReady(pod)).Select(Address)],
                NotReadyAddresses = [.. group.Pods.Where(pod => !unready && !PodState.IsReady(pod)).Select(Address)],
                Ports = group.Ports,
            });
        return new Api.Core.Endpoints
        {
            ApiVersion = Resources.Endpoints.ApiVersion,
            Kind = Resources.Endpoints.Kind,
            Metadata = new ObjectMeta
            {
                Name = service.Metadata.Name,
                Namespace = service.Metadata.Namespace,
                Labels = Labels(service),
            },
            Subsets = [.. subsets],
        };
    }

    /// <summary>The slices of a Service, one per set of ports.</summary>
    public static IReadOnlyList<EndpointSlice> MakeSlices(CoreService service, IEnumerable<Pod> pods)
    {
        var groups = ByPorts(service, pods);
        if (groups.Count == 0)
        {
            groups = [([], [])];
        }

        return
        [
            .. groups.Select(group =>
                Slice(
                    service,
                    ManagedByController,
                    group.Ports,
                    [.. group.Pods.Select(pod => Endpoint(pod, service.Spec?.PublishNotReadyAddresses == true))],
                    Labels(service)
                )
            ),
        ];
    }

    /// <summary>One slice, with a stable name derived from the Service and its ports.</summary>
    public static EndpointSlice Slice(
        CoreService service,
        string managedBy,
        IReadOnlyList<EndpointPort> ports,
        IReadOnlyList<SliceEndpoint> endpoints,
        IReadOnlyDictionary<string, string> labels
    ) =>
        new()
        {
            ApiVersion = Resources.EndpointSlices.ApiVersion,
            Kind = Resources.EndpointSlices.Kind,
            Metadata = new ObjectMeta
            {
                Name =
                    $"{service.Metadata.Name}-{Documents.Hash(string.Join(';', ports.Select(port => $"{port.Name},{port.Port},{port.Protocol}")), 5)}",
                Namespace = service.Metadata.Namespace,
                Labels = Documents.Merge(
                    labels,
                    new Dictionary<string, string> { [ServiceNameLabel] = service.Metadata.Name, [ManagedByLabel] = managedBy }
                ),
                OwnerReferences = [Ownership.ControllerReference(Resources.Services, service)],
            },
            AddressType = endpoints.Count > 0 && endpoints[0].Addresses[0].Contains(':', StringComparison.Ordinal) ? "IPv6" : "IPv4",
            Ports = ports,
            Endpoints = endpoints,
        };

    private static IReadOnlyDictionary<string, string> Labels(CoreService service) =>
        service.Spec?.ClusterIP == "None"
            ? Documents.Merge(service.Metadata.Labels, new Dictionary<string, string> { [HeadlessLabel] = "" })
            : service.Metadata.Labels;

    /// <summary>Pods with an address, grouped by the resolved ports of the Service.</summary>
    private static List<(IReadOnlyList<EndpointPort> Ports, List<Pod> Pods)> ByPorts(CoreService service, IEnumerable<Pod> pods) =>
        [
            .. pods.Where(pod => pod.Status is { PodIP.Length: > 0, Phase: not ("Succeeded" or "Failed") })
                .OrderBy(pod => pod.Status!.PodIP, StringComparer.Ordinal)
                .GroupBy(pod => string.Join(';', Ports(service, pod).Select(port => $"{port.Name},{port.Port}")))
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => (Ports(service, group.First()), group.ToList())),
        ];

    private static IReadOnlyList<EndpointPort> Ports(CoreService service, Pod pod) =>
        [
            .. from port in service.Spec!.Ports
            let number = Resolve(port, pod)
            where number is not null
            select new EndpointPort
            {
                Name = port.Name,
                Port = number,
                Protocol = port.Protocol.Length == 0 ? "TCP" : port.Protocol,
                AppProtocol = port.AppProtocol,
            },
        ];

    private static int? Resolve(ServicePort port, Pod pod)
    {
        if (port.TargetPort is not { } target)
        {
            return port.Port;
        }

        return target.Text is { } name
                ? pod.Spec?.Containers.SelectMany(container => container.Ports).FirstOrDefault(candidate => candidate.Name == name)?.Number
            : target.Int == 0 ? port.Port
            : target.Int;
    }

    private static EndpointAddress Address(Pod pod) =>
        new()
        {
            Ip = pod.Status!.PodIP,
            NodeName = pod.Spec?.NodeName is { Length: > 0 } node ? node : null,
            TargetRef = Reference(pod),
        };

    private static SliceEndpoint Endpoint(Pod pod, bool publishNotReady)
    {
        var serving = PodState.IsReady(pod);
        var terminating = pod.Metadata.DeletionTimestamp is not null;
        return new SliceEndpoint
        {
            Addresses = [pod.Status!.PodIP],
            Conditions = new EndpointConditions
            {
                Ready = publishNotReady || (serving && !terminating),
                Serving = serving,
                Terminating = terminating,
            },
            NodeName = pod.Spec?.NodeName is { Length: > 0 } node ? node : null,
            TargetRef = Reference(pod),
        };
    }

    private static ObjectReference Reference(Pod pod) =>
        new()
        {
            Kind = "Pod",
            Namespace = pod.Metadata.Namespace,
            Name = pod.Metadata.Name,
            Uid = pod.Metadata.Uid,
        };
}

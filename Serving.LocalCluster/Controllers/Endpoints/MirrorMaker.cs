using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers.Endpoints;

/// <summary>Slices that mirror the Endpoints of a Service without a selector. Pure.</summary>
internal static class MirrorMaker
{
    /// <summary>The writer of mirrored slices.</summary>
    public const string ManagedBy = "endpointslicemirroring-controller.k8s.io";

    /// <summary>The label of Endpoints that opts out of mirroring.</summary>
    public const string SkipLabel = "endpointslice.kubernetes.io/skip-mirror";

    /// <summary>One slice per subset.</summary>
    public static IReadOnlyList<EndpointSlice> MakeSlices(CoreService service, Api.Core.Endpoints endpoints) =>
        [
            .. endpoints
                .Subsets.GroupBy(subset => string.Join(';', subset.Ports.Select(port => $"{port.Name},{port.Port}")))
                .Select(group =>
                    EndpointsMaker.Slice(
                        service,
                        ManagedBy,
                        group.First().Ports,
                        [
                            .. group.SelectMany(subset =>
                                subset
                                    .Addresses.Select(address => Endpoint(address, true))
                                    .Concat(subset.NotReadyAddresses.Select(address => Endpoint(address, false)))
                            ),
                        ],
                        endpoints.Metadata.Labels
                    )
                ),
        ];

    private static SliceEndpoint Endpoint(EndpointAddress address, bool ready) =>
        new()
        {
            Addresses = [address.Ip],
            Conditions = new EndpointConditions { Ready = ready },
            NodeName = address.NodeName,
            TargetRef = address.TargetRef,
        };
}

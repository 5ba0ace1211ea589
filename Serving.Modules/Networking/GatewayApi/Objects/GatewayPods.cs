using System.Net;
using System.Net.Sockets;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;
using Serving.Networking.Layers;

namespace Serving.Networking.GatewayApi.Objects;

/// <summary>
/// Where the data plane of a Gateway is: behind the Service that config-gateway names, else at the first address in the status of the
/// Gateway, on the ports 80 and 443.
/// </summary>
internal sealed class GatewayPods(ILister<KubernetesGateway> gateways, ILister<Endpoints> endpoints, string clusterDomain)
{
    private const string IPAddressType = "IPAddress";

    // The names of these ports at Istio, and at Contour's provisioner.
    private static readonly string[] HttpPorts = ["http", "http2", "http-80"];
    private static readonly string[] HttpsPorts = ["https", "https-443"];

    /// <summary>The address that Routes are told; null while the Gateway has none.</summary>
    public IngressLoadBalancerAddress? AddressOf(GatewaySelection selection)
    {
        if (selection.Service is { } service)
        {
            return LayerAddresses.Of(HostNames.OfService(service.Name, service.Namespace, clusterDomain));
        }

        return FirstAddress(selection) switch
        {
            null => null,
            { Type: null or "" or IPAddressType } ip => new IngressLoadBalancerAddress { Ip = ip.Value },
            { } host => LayerAddresses.Of(host.Value),
        };
    }

    /// <summary>The first address in the status of a Gateway; null while there is none.</summary>
    public static GatewayAddress? FirstAddressOf(KubernetesGateway gateway) =>
        gateway.Status is { Addresses: [var first, ..] } ? first : null;

    /// <summary>Why a Gateway cannot carry traffic before somebody changes something; null when it can.</summary>
    public LayerFailure? FailureOf(GatewaySelection selection) =>
        selection.Service is null && gateways.Get(selection.Gateway.Namespace, selection.Gateway.Name) is null
            ? new LayerFailure("GatewayDoesNotExist", $"could not find Gateway {selection.Gateway}")
            : null;

    /// <summary>The pods, or the address, that must be probed; or why there are none, in a sentence.</summary>
    /// <param name="selection">The Gateway.</param>
    /// <param name="tls">Whether the port for HTTPS is probed.</param>
    /// <param name="cancellation">Ends the resolution of a host name.</param>
    public async Task<(IReadOnlyList<IPEndPoint> Pods, string? Missing)> FindAsync(
        GatewaySelection selection,
        bool tls,
        CancellationToken cancellation
    )
    {
        if (selection.Service is { } service)
        {
            var pods = PodsOf(service, tls);
            return (pods, pods.Count == 0 ? $"Service {service} of Gateway {selection.Gateway} has no ready endpoint" : null);
        }

        if (FirstAddress(selection) is not { } address)
        {
            return ([], $"no address found in status of Gateway {selection.Gateway}");
        }

        var port = tls ? 443 : 80;
        if (IPAddress.TryParse(address.Value, out var ip))
        {
            return ([new IPEndPoint(ip, port)], null);
        }

        try
        {
            var found = await Dns.GetHostAddressesAsync(address.Value, cancellation);
            return found.OrderBy(static candidate => candidate.ToString(), StringComparer.Ordinal).FirstOrDefault() is { } first
                ? ([new IPEndPoint(first, port)], null)
                : ([], $"the address {address.Value} of Gateway {selection.Gateway} has no IP address");
        }
        catch (SocketException unknown)
        {
            return ([], $"the address {address.Value} of Gateway {selection.Gateway} cannot be resolved: {unknown.Message}");
        }
    }

    private GatewayAddress? FirstAddress(GatewaySelection selection) =>
        gateways.Get(selection.Gateway.Namespace, selection.Gateway.Name) is { } gateway ? FirstAddressOf(gateway) : null;

    private List<IPEndPoint> PodsOf(ObjectName service, bool tls) =>
        [
            .. (endpoints.Get(service.Namespace, service.Name)?.Subsets ?? []).SelectMany(subset =>
                PortOf(subset, tls ? HttpsPorts : HttpPorts) is { } port
                    ? ServiceEndpoints.AddressesOf(subset).Select(address => new IPEndPoint(address, port))
                    : []
            ),
        ];

    /// <summary>The port with one of these names, else one of that protocol, else the first.</summary>
    private static int? PortOf(EndpointSubset subset, string[] names) =>
        (
            subset.Ports.FirstOrDefault(port => names.Contains(port.Name))
            ?? subset.Ports.LastOrDefault(port => port.AppProtocol is { } protocol && names.Contains(protocol))
            ?? (subset.Ports is [var first, ..] ? first : null)
        )?.Port;
}

using System.Net;
using Serving.Api.Core;

namespace Serving.Networking.Layers;

/// <summary>The pods behind a port of a Kubernetes Service.</summary>
public static class ServiceEndpoints
{
    /// <summary>
    /// The addresses of the ready pods behind a port of the Service, or behind the port that leads to this one of the pods; null when the
    /// Service has neither. The port of a pod is found by the name of the Service's port, since its target port may be a name.
    /// </summary>
    /// <param name="service">The Service.</param>
    /// <param name="endpoints">Its Endpoints; null when it has none.</param>
    /// <param name="port">The number of the port.</param>
    public static IReadOnlyList<IPEndPoint>? Of(CoreService service, Endpoints? endpoints, int port)
    {
        ArgumentNullException.ThrowIfNull(service);
        var ports = service.Spec?.Ports ?? [];
        var named =
            ports.FirstOrDefault(candidate => candidate.Port == port)
            ?? ports.FirstOrDefault(candidate => candidate.TargetPort is { Text: null } target && target.Int == port);
        if (named is null)
        {
            return null;
        }

        return
        [
            .. (endpoints?.Subsets ?? []).SelectMany(subset =>
                subset
                    .Ports.Where(candidate => candidate.Name == named.Name && candidate.Port is not null)
                    .Take(1)
                    .SelectMany(candidate => AddressesOf(subset).Select(address => new IPEndPoint(address, candidate.Port!.Value)))
            ),
        ];
    }

    /// <summary>The addresses of the ready pods of a subset.</summary>
    public static IEnumerable<IPAddress> AddressesOf(EndpointSubset subset) =>
        (subset ?? throw new ArgumentNullException(nameof(subset)))
            .Addresses.Select(static address => IPAddress.TryParse(address.Ip, out var parsed) ? parsed : null)
            .OfType<IPAddress>();
}

using Serving.Api.Core;

namespace Serving.Controller.ServerlessServices;

/// <summary>Merges the wanted ports of a Service with its existing ones.</summary>
internal static class ServicePorts
{
    /// <summary>The wanted ports, with the fields that the API server sets (node ports) kept from the existing ones.</summary>
    public static IReadOnlyList<ServicePort> Merge(IReadOnlyList<ServicePort> wanted, IReadOnlyList<ServicePort> existing) =>
        [
            .. wanted.Select(port =>
                existing.FirstOrDefault(candidate => candidate.Name == port.Name) is { } there
                    ? port with
                    {
                        NodePort = there.NodePort,
                    }
                    : port
            ),
        ];
}

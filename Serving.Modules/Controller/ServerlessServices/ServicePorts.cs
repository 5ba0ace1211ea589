using Serving.Api.Core;

namespace Serving.Controller.ServerlessServices;

/// <summary>Compares the ports that are wanted of a Service with those it has.</summary>
internal static class ServicePorts
{
    /// <summary>The wanted ports, keeping what only the API server decides (node ports) of those that are there.</summary>
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

using Serving.Dataplane.Inspection;
using Serving.Networking.Gateway;
using Serving.StatusPages.Sources;

namespace Serving.Host.StatusPages;

/// <summary>Explains routes by the gateway of this process.</summary>
/// <param name="gateway">The gateway; null when the process runs none.</param>
internal sealed class RouteSource(GatewayModule? gateway) : IRouteSource
{
    public RouteExplanation? Explain(string host, string path) => gateway?.Explain(host, path);
}

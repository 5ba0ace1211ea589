using Serving.Dataplane.Inspection;

namespace Serving.StatusPages.Sources;

/// <summary>Explains where the gateway of this process routes a request.</summary>
public interface IRouteSource
{
    /// <summary>The route of a host and a path now; null when the process runs no gateway.</summary>
    RouteExplanation? Explain(string host, string path);
}

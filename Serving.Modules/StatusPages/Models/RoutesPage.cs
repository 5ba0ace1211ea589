using Serving.Dataplane.Inspection;

namespace Serving.StatusPages.Models;

/// <summary>Where the gateway of this process routes a request.</summary>
public sealed record RoutesPage : StatusPage
{
    /// <summary>The host that was asked for; empty before.</summary>
    public required string Host { get; init; }

    /// <summary>The path that was asked for.</summary>
    public required string Path { get; init; }

    /// <summary>What this process does not know; null when it runs a gateway.</summary>
    public string? Unknown { get; init; }

    /// <summary>The route; null before a host was asked for.</summary>
    public RouteExplanation? Route { get; init; }
}

namespace Serving.Api.Config;

/// <summary>A Gateway, and what is known of its data plane.</summary>
/// <param name="Class">The name of its GatewayClass.</param>
/// <param name="Gateway">The Gateway.</param>
/// <param name="Service">The Service in front of its data plane; null when it is outside of the cluster, at the address in the Gateway's
/// status.</param>
public sealed record GatewaySelection(string Class, ObjectName Gateway, ObjectName? Service)
{
    /// <summary>The optional features of the Gateway API that it supports, as <c>HTTPRouteRequestTimeout</c>.</summary>
    public IReadOnlyList<string> SupportedFeatures { get; init; } = [];

    /// <summary>Whether its listeners expect the PROXY protocol, which probes then speak.</summary>
    public bool ProxyProtocolEnabled { get; init; }
}

/// <summary>The namespace and name of an object.</summary>
/// <param name="Namespace">The namespace.</param>
/// <param name="Name">The name.</param>
public sealed record ObjectName(string Namespace, string Name)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Namespace}/{Name}";
}

using Serving.Networking.Layers;

namespace Serving.Networking.Istio.Objects;

/// <summary>The Gateways at which the rules of an Ingress are routed, as <c>namespace/name</c>, sorted.</summary>
internal sealed record GatewayNames(IReadOnlyList<string> External, IReadOnlyList<string> Local)
{
    /// <summary>The mesh only.</summary>
    public static GatewayNames None { get; } = new([], []);

    public IReadOnlyList<string> Of(string visibility) => visibility == IngressVisibility.ClusterLocal ? Local : External;
}

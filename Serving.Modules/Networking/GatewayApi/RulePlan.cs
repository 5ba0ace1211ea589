using Serving.Api.Config;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;

namespace Serving.Networking.GatewayApi;

/// <summary>What a rule of an Ingress needs.</summary>
/// <param name="Rule">The rule, with the paths of probes.</param>
/// <param name="Name">The name of its first HTTPRoute.</param>
/// <param name="Gateway">The Gateway of its visibility.</param>
/// <param name="Parents">What its HTTPRoutes attach to; none when nothing of the Gateway can serve it.</param>
/// <param name="PlainListeners">The listeners for plain HTTP that send clients to HTTPS; none when the rule is not redirected.</param>
/// <param name="IsRedirected">Whether it is served by HTTPS only.</param>
internal sealed record RulePlan(
    IngressRule Rule,
    string Name,
    GatewaySelection Gateway,
    IReadOnlyList<GatewayParentReference> Parents,
    IReadOnlyList<GatewayParentReference> PlainListeners,
    bool IsRedirected
);

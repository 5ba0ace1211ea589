using System.Net;
using Serving.Api.Networking;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Kubernetes.Hosting;

namespace Serving.Networking.Gateway;

/// <summary>Listen addresses of the gateway, what it routes, and its names in the cluster.</summary>
/// <param name="External">The external listener: serves rules of visibility <c>ExternalIP</c>.</param>
/// <param name="ClusterLocal">The cluster-local listener: serves every rule.</param>
public sealed record GatewayOptions(IPEndPoint External, IPEndPoint ClusterLocal)
{
    /// <summary>The default of <see cref="IngressClass"/>.</summary>
    public const string DefaultIngressClass = "gateway.ingress.networking.knative.dev";

    /// <summary>The external HTTPS listener; null for none.</summary>
    public IPEndPoint? Https { get; init; }

    /// <summary>The cluster-local HTTPS listener; null for none.</summary>
    public IPEndPoint? ClusterLocalHttps { get; init; }

    /// <summary>Provides the TLS verification of a namespace's revisions, for Ingresses that target their TLS port; null to use clear text
    /// there too.</summary>
    public Func<string, UpstreamTls>? RevisionTls { get; init; }

    /// <summary>The class of the Ingresses to route; Ingresses of another or no class are ignored.</summary>
    public string IngressClass { get; init; } = DefaultIngressClass;

    /// <summary>The Service, in the system namespace, in front of <see cref="External"/>; reported in the status of every
    /// Ingress.</summary>
    public string ExternalService { get; init; } = "gateway";

    /// <summary>The Service, in the system namespace, in front of <see cref="ClusterLocal"/>; reported in the status of every
    /// Ingress.</summary>
    public string InternalService { get; init; } = "gateway-internal";

    /// <summary>The limits of the listeners, which may change while they serve.</summary>
    public GatewayListeners Listeners { get; init; } = new();

    /// <summary>How long requests in flight may take after the gateway is told to stop; config-gateway-listeners can only shorten
    /// it.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Number of trusted proxies in front of a listener, where config-gateway-listeners sets none. With 0 no client is trusted:
    /// <c>X-Forwarded-*</c> is replaced and <c>Forwarded</c> removed. Otherwise the peer's address is appended to the headers, and the
    /// host and scheme in them are kept.
    /// </summary>
    public int TrustedHops { get; init; }

    /// <summary>Which requests are traced; none by default.</summary>
    public TraceSampling Tracing { get; init; } = new();

    /// <summary>The DNS name of <see cref="ExternalService"/>.</summary>
    public string ExternalDomain(ClusterEnvironment environment) => Domain(ExternalService, environment);

    /// <summary>The DNS name of <see cref="InternalService"/>.</summary>
    public string InternalDomain(ClusterEnvironment environment) => Domain(InternalService, environment);

    private static string Domain(string service, ClusterEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return HostNames.OfService(service, environment.SystemNamespace, environment.ClusterDomain);
    }
}

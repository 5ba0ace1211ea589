using System.Net;
using Serving.Dataplane;
using Serving.Kubernetes;

namespace Serving.Networking.Gateway;

/// <summary>Where the gateway listens, what it routes and under which names it is known in the cluster.</summary>
/// <param name="External">The listener of the world outside: serves rules of visibility <c>ExternalIP</c>.</param>
/// <param name="ClusterLocal">The listener of the cluster inside: serves every rule.</param>
public sealed record GatewayOptions(IPEndPoint External, IPEndPoint ClusterLocal)
{
    /// <summary>The ingress class that <see cref="IngressClass"/> is by default.</summary>
    public const string DefaultIngressClass = "gateway.ingress.networking.knative.dev";

    /// <summary>The HTTPS listener of the world outside; null for none.</summary>
    public IPEndPoint? Https { get; init; }

    /// <summary>The HTTPS listener of the cluster inside; null for none.</summary>
    public IPEndPoint? ClusterLocalHttps { get; init; }

    /// <summary>How what stands behind a revision of a namespace is verified, where an Ingress leads to its TLS port; null for clear text there too.</summary>
    public Func<string, UpstreamTls>? RevisionTls { get; init; }

    /// <summary>The class of the Ingresses to route; Ingresses of another or of no class are left alone.</summary>
    public string IngressClass { get; init; } = DefaultIngressClass;

    /// <summary>The Service, in the system namespace, that leads to <see cref="External"/>; named in the status of every Ingress.</summary>
    public string ExternalService { get; init; } = "gateway";

    /// <summary>The Service, in the system namespace, that leads to <see cref="ClusterLocal"/>; named in the status of every Ingress.</summary>
    public string InternalService { get; init; } = "gateway-internal";

    /// <summary>How long a client may take to send the head of a request.</summary>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long requests in flight may take to end after the gateway is told to stop.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Proxies in front of the gateway that it trusts. With 0 nobody is believed: <c>X-Forwarded-*</c> is set anew and <c>Forwarded</c> dropped.
    /// Else the client's address is appended to what they say, and the host and scheme that they name stay.
    /// </summary>
    public int TrustedHops { get; init; }

    /// <summary>Connections served at once by each of the two servers, over all of its listeners; one more is closed.</summary>
    public int MaxConnections { get; init; } = ConnectionBound.OfMemory;

    /// <summary>Bytes the head of a request may have.</summary>
    public int MaxRequestHeadBytes { get; init; } = 256 * 1024;

    /// <summary>The DNS name of <see cref="ExternalService"/>.</summary>
    public string ExternalDomain(ClusterEnvironment environment) => Domain(ExternalService, environment);

    /// <summary>The DNS name of <see cref="InternalService"/>.</summary>
    public string InternalDomain(ClusterEnvironment environment) => Domain(InternalService, environment);

    private static string Domain(string service, ClusterEnvironment environment)
    {
        ArgumentNullException.ThrowIfNull(environment);
        return $"{service}.{environment.SystemNamespace}.svc.{environment.ClusterDomain}";
    }
}

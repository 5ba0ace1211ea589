using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio.Objects;

/// <summary>Makes the Gateways that an Ingress needs beside those of config-istio: for its certificates and for redirects.</summary>
internal static class GatewayMaker
{
    /// <summary>The port of HTTP at the pods' Service.</summary>
    public const int HttpPort = 80;

    /// <summary>The port of HTTPS at the pods' Service.</summary>
    public const int HttpsPort = 443;

    /// <summary>The port of HTTPS for cluster-local hosts, to which the cluster-local Service leads.</summary>
    public const int ClusterLocalHttpsPort = 8444;

    private const string Redirected = "Redirected";

    /// <summary>A Gateway of the Ingress at the pods of a Service of Istio.</summary>
    public static IstioGateway Make(Ingress ingress, string visibility, CoreService service, IReadOnlyList<IstioServer> servers) =>
        New(
            ingress.Metadata.Namespace,
            Names.Gateway(ingress, visibility, ObjectKey.Of(service)),
            Ownership.ControllerReference(Resources.Ingresses, ingress),
            new Dictionary<string, string> { [NetworkingKeys.Ingress] = ingress.Metadata.Name },
            service,
            servers
        );

    /// <summary>
    /// The Gateway of a wildcard certificate. All Ingresses with the certificate share it, because Istio does not support several Gateways
    /// with one certificate; so the Secret owns it, in whose namespace it is.
    /// </summary>
    public static IstioGateway MakeWildcard(Secret certificate, IReadOnlyList<string> hosts, CoreService service) =>
        New(
            certificate.Metadata.Namespace,
            Names.WildcardGateway(certificate.Metadata.Name, ObjectKey.Of(service)),
            Ownership.ControllerReference(Resources.Secrets, certificate),
            Empty.Map,
            service,
            [
                new IstioServer
                {
                    Hosts = hosts,
                    Port = new IstioPort
                    {
                        Name = "https",
                        Number = HttpsPort,
                        Protocol = "HTTPS",
                    },
                    Tls = Simple(
                        IsIn(certificate, service)
                            ? certificate.Metadata.Name
                            : Names.WildcardSecretCopy(certificate.Metadata.Namespace!, certificate.Metadata.Name)
                    ),
                },
            ]
        );

    /// <summary>The servers of certificates, sorted by the names of their ports.</summary>
    /// <param name="ingress">The Ingress.</param>
    /// <param name="visibility">Which port they have.</param>
    /// <param name="certificates">The certificates and their Secrets.</param>
    /// <param name="service">The Service of Istio, whose pods read Secrets of its namespace only.</param>
    public static IReadOnlyList<IstioServer> TlsServers(
        Ingress ingress,
        string visibility,
        IReadOnlyList<(IngressTls Tls, Secret Secret)> certificates,
        CoreService service
    ) =>
        [
            .. certificates
                .Select(
                    (certificate, index) =>
                        new IstioServer
                        {
                            Hosts = certificate.Tls.Hosts,
                            Port = new IstioPort
                            {
                                Name = Names.TlsPort(ingress, index),
                                Number = visibility == IngressVisibility.ClusterLocal ? ClusterLocalHttpsPort : HttpsPort,
                                Protocol = "HTTPS",
                            },
                            Tls = Simple(
                                IsIn(certificate.Secret, service)
                                    ? certificate.Secret.Metadata.Name
                                    : Names.SecretCopy(ingress, certificate.Secret)
                            ),
                        }
                )
                .OrderBy(static server => server.Port.Name, StringComparer.Ordinal),
        ];

    /// <summary>The server of HTTP for the external hosts; null when the Ingress does not say what HTTP does, which closes it.</summary>
    public static IstioServer? HttpServer(Ingress ingress) =>
        ingress.Spec.HttpOption.Length == 0
            ? null
            : new IstioServer
            {
                Hosts = ingress.Hosts(IngressVisibility.External),
                Port = new IstioPort
                {
                    Name = "http-server",
                    Number = HttpPort,
                    Protocol = "HTTP",
                },
                Tls = IsRedirected(ingress) ? new IstioServerTls { HttpsRedirect = true } : null,
            };

    /// <summary>
    /// Whether the Ingress needs its own server of HTTP: with certificates it decides about HTTP itself, and the Gateways of config-istio
    /// do not redirect.
    /// </summary>
    public static bool NeedsHttpServer(Ingress ingress) =>
        ingress.IsExternal() && (IsRedirected(ingress) || ingress.Tls(IngressVisibility.External).Count > 0);

    private static bool IsRedirected(Ingress ingress) => ingress.Spec.HttpOption == Redirected;

    private static bool IsIn(Secret secret, CoreService service) => secret.Metadata.Namespace == service.Metadata.Namespace;

    private static IstioServerTls Simple(string credential) => new() { Mode = "SIMPLE", CredentialName = credential };

    private static IstioGateway New(
        string ns,
        string name,
        OwnerReference owner,
        IReadOnlyDictionary<string, string> labels,
        CoreService service,
        IReadOnlyList<IstioServer> servers
    ) =>
        new()
        {
            ApiVersion = IstioResources.Gateways.ApiVersion,
            Kind = IstioResources.Gateways.Kind,
            Metadata = new ObjectMeta
            {
                Namespace = ns,
                Name = name,
                Labels = labels,
                OwnerReferences = [owner],
            },
            Spec = new IstioGatewaySpec { Selector = service.Spec?.Selector ?? Empty.Map, Servers = servers },
        };
}

using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio.Objects;

/// <summary>
/// Computes the objects of an Ingress from the Ingress, the configuration, the Services of Istio and the certificates. It reads caches and
/// writes nothing. What is not there yet is an <see cref="AwaitedException"/>.
/// </summary>
internal sealed class IstioPlanner(ILister<Secret> secrets, ILister<CoreService> services, ClusterEnvironment environment)
{
    private readonly VirtualServiceMaker _virtualServices = new(environment.ClusterDomain);
    private readonly DestinationRuleMaker _destinationRules = new(services, environment.ClusterDomain);

    /// <summary>The objects.</summary>
    /// <param name="ingress">The Ingress with defaults.</param>
    /// <param name="istio">The Gateways of the cluster.</param>
    /// <param name="network">Which TLS is enabled.</param>
    public IstioObjects Plan(Ingress ingress, IstioConfig istio, NetworkConfig network)
    {
        IReadOnlyList<IstioDestinationRule> rules = network.SystemInternalTls ? _destinationRules.ForBackends(ingress) : [];
        if (!istio.HasGateways)
        {
            return new IstioObjects { VirtualServices = _virtualServices.Make(ingress, GatewayNames.None), DestinationRules = rules };
        }

        var selected = SelectedGateways.For(ingress, istio);
        var external = External(ingress, selected);
        var local = network.ClusterLocalDomainTls ? ClusterLocal(ingress, selected) : new Part();
        var names = new GatewayNames(
            Sorted([
                .. external.Gateways.Select(QualifiedName),
                .. external.Shared.Select(static shared => QualifiedName(shared.Gateway)),
                .. GatewayMaker.NeedsHttpServer(ingress) ? [] : selected.External.Select(static gateway => gateway.QualifiedName),
            ]),
            Sorted([.. local.Gateways.Select(QualifiedName), .. selected.Local.Select(static gateway => gateway.QualifiedName)])
        );
        return new IstioObjects
        {
            Secrets = [.. external.Secrets, .. local.Secrets, .. rules.Count > 0 ? Authority(selected) : []],
            SharedGateways = external.Shared,
            Gateways = [.. external.Gateways, .. local.Gateways],
            DestinationRules = rules,
            VirtualServices = _virtualServices.Make(ingress, names),
            Names = names,
        };
    }

    /// <summary>The Gateways for certificates of external hosts and for HTTP beside them.</summary>
    private Part External(Ingress ingress, SelectedGateways selected)
    {
        if (!GatewayMaker.NeedsHttpServer(ingress))
        {
            return new Part();
        }

        var certificates = Certificates(ingress, IngressVisibility.External);
        var wildcards = certificates
            .DistinctBy(static certificate => certificate.Secret.Metadata.Uid)
            .Select(static certificate => (certificate.Secret, Hosts: CertificateHosts.Of(certificate.Secret)))
            .Where(static certificate => CertificateHosts.HaveWildcard(certificate.Hosts))
            .ToList();
        var own = certificates.Where(certificate => wildcards.TrueForAll(wildcard => wildcard.Secret != certificate.Secret)).ToList();
        var behind = ServicesOf(selected);
        var http = GatewayMaker.HttpServer(ingress);
        IReadOnlyList<IstioServer> ServersAt(CoreService service) =>
            [.. GatewayMaker.TlsServers(ingress, IngressVisibility.External, own, service), .. http is null ? [] : (IstioServer[])[http]];
        return new Part
        {
            Secrets =
            [
                .. Copies(own, behind, (origin, ns) => SecretMaker.Copy(ingress, origin, ns)),
                .. Copies([.. wildcards.Select(static wildcard => (new IngressTls(), wildcard.Secret))], behind, SecretMaker.CopyWildcard),
            ],
            Shared =
            [
                .. behind.SelectMany(service =>
                    wildcards.Select(wildcard => (GatewayMaker.MakeWildcard(wildcard.Secret, wildcard.Hosts, service), wildcard.Secret))
                ),
            ],
            Gateways = Gateways(ingress, IngressVisibility.External, behind, ServersAt),
        };
    }

    /// <summary>
    /// The Gateways for certificates of cluster-local hosts: at the pods of the external Services, because the Service of the local Gateway
    /// leads to the same pods.
    /// </summary>
    private Part ClusterLocal(Ingress ingress, SelectedGateways selected)
    {
        var certificates = Certificates(ingress, IngressVisibility.ClusterLocal);
        if (certificates.Count == 0)
        {
            return new Part();
        }

        var behind = ServicesOf(selected);
        return new Part
        {
            Secrets = Copies(certificates, behind, (origin, ns) => SecretMaker.Copy(ingress, origin, ns)),
            Gateways = Gateways(
                ingress,
                IngressVisibility.ClusterLocal,
                behind,
                service => GatewayMaker.TlsServers(ingress, IngressVisibility.ClusterLocal, certificates, service)
            ),
        };
    }

    /// <summary>The authority of activators and sidecars for the pods of every Gateway.</summary>
    private IReadOnlyList<Secret> Authority(SelectedGateways selected)
    {
        var origin =
            secrets.Get(environment.SystemNamespace, DestinationRuleMaker.Authority)
            ?? throw new AwaitedException(
                $"Secret {environment.SystemNamespace}/{DestinationRuleMaker.Authority} of system-internal-tls does not exist"
            );
        return
        [
            .. selected
                .External.Concat(selected.Local)
                .Select(static gateway => gateway.ServiceNamespace)
                .Distinct(StringComparer.Ordinal)
                .Where(ns => ns != environment.SystemNamespace)
                .Select(ns => SecretMaker.CopyAuthority(origin, ns)),
        ];
    }

    private static IReadOnlyList<IstioGateway> Gateways(
        Ingress ingress,
        string visibility,
        IReadOnlyList<CoreService> behind,
        Func<CoreService, IReadOnlyList<IstioServer>> serversAt
    ) =>
        [
            .. behind
                .Select(service => (Service: service, Servers: serversAt(service)))
                .Where(static gateway => gateway.Servers.Count > 0)
                .Select(gateway => GatewayMaker.Make(ingress, visibility, gateway.Service, gateway.Servers)),
        ];

    private static IReadOnlyList<Secret> Copies(
        IReadOnlyList<(IngressTls Tls, Secret Secret)> certificates,
        IReadOnlyList<CoreService> behind,
        Func<Secret, string, Secret> copy
    ) =>
        [
            .. certificates
                .Select(static certificate => certificate.Secret)
                .Distinct()
                .SelectMany(origin =>
                    behind
                        .Select(static service => service.Metadata.Namespace)
                        .Distinct(StringComparer.Ordinal)
                        .Where(ns => ns != origin.Metadata.Namespace)
                        .Select(ns => copy(origin, ns))
                ),
        ];

    private IReadOnlyList<(IngressTls Tls, Secret Secret)> Certificates(Ingress ingress, string visibility) =>
        [
            .. ingress
                .Tls(visibility)
                .Select(tls =>
                    (
                        tls,
                        secrets.Get(tls.SecretNamespace, tls.SecretName)
                            ?? throw new AwaitedException($"Secret {tls.SecretNamespace}/{tls.SecretName} of spec.tls does not exist")
                    )
                ),
        ];

    /// <summary>The Services of the external Gateways, whose pods present certificates.</summary>
    private IReadOnlyList<CoreService> ServicesOf(SelectedGateways selected) =>
        [
            .. selected.External.Select(gateway =>
                services.Get(gateway.ServiceNamespace, gateway.ServiceName)
                ?? throw new AwaitedException(
                    $"Service {gateway.ServiceNamespace}/{gateway.ServiceName} of Gateway {gateway.QualifiedName} in config-istio does not exist"
                )
            ),
        ];

    private static string QualifiedName(IstioGateway gateway) => $"{gateway.Metadata.Namespace}/{gateway.Metadata.Name}";

    private static IReadOnlyList<string> Sorted(IEnumerable<string> names) =>
        [.. names.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];

    private sealed record Part
    {
        public IReadOnlyList<Secret> Secrets { get; init; } = [];
        public IReadOnlyList<(IstioGateway Gateway, Secret Owner)> Shared { get; init; } = [];
        public IReadOnlyList<IstioGateway> Gateways { get; init; } = [];
    }
}

using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Istio.Objects;

/// <summary>
/// Makes the DestinationRules of an Ingress's backends with system-internal-tls: gateways connect to them with TLS, check the name in the
/// certificate of activator or sidecar, and upgrade to HTTP/2 where the backend's port is h2c.
/// </summary>
internal sealed class DestinationRuleMaker(ILister<CoreService> services, string clusterDomain)
{
    /// <summary>The Secret with the authority of activators and sidecars, in the namespace of the gateway's pods.</summary>
    public const string Authority = "routing-serving-certs";

    private const string ActivatorName = "kn-routing";
    private const string SidecarPrefix = "kn-user-";

    /// <summary>A rule for each backend; a path with another host leads to another Ingress and needs none.</summary>
    public IReadOnlyList<IstioDestinationRule> ForBackends(Ingress ingress) =>
        [.. BackendsOf(ingress).Distinct().Select(backend => Make(ingress, backend.Namespace, backend.Name))];

    /// <summary>The Services that need a rule.</summary>
    public static IEnumerable<(string Namespace, string Name)> BackendsOf(Ingress ingress) =>
        ingress
            .Spec.Rules.SelectMany(static rule => rule.Http?.Paths ?? [])
            .Where(static path => path.RewriteHost.Length == 0)
            .SelectMany(static path => path.Splits)
            .Select(static split => (split.ServiceNamespace, split.ServiceName));

    private IstioDestinationRule Make(Ingress ingress, string ns, string name)
    {
        var host = HostNames.OfService(name, ns, clusterDomain);
        return new IstioDestinationRule
        {
            ApiVersion = IstioResources.DestinationRules.ApiVersion,
            Kind = IstioResources.DestinationRules.Kind,
            Metadata = new ObjectMeta
            {
                Namespace = ingress.Metadata.Namespace,
                Name = ChildName.Of(ingress.Metadata.Name, $"-{Adler32.Compute(host):x}"),
                Labels = new Dictionary<string, string> { [NetworkingKeys.Ingress] = ingress.Metadata.Name },
                OwnerReferences = [Ownership.ControllerReference(Resources.Ingresses, ingress)],
            },
            Spec = new IstioDestinationRuleSpec
            {
                Host = host,
                TrafficPolicy = new IstioTrafficPolicy
                {
                    Tls = new IstioClientTls
                    {
                        Mode = "SIMPLE",
                        CredentialName = Authority,
                        SubjectAltNames = [SidecarPrefix + ns, ActivatorName],
                    },
                    ConnectionPool = IsH2C(ns, name)
                        ? new IstioConnectionPool { Http = new IstioHttpPool { H2UpgradePolicy = "UPGRADE" } }
                        : null,
                },
            },
        };
    }

    private bool IsH2C(string ns, string name) =>
        services.Get(ns, name)?.Spec?.Ports.Any(static port => port.Name is NetworkingKeys.ServicePortNameH2C or NetworkingKeys.ProtocolH2C)
        == true;
}

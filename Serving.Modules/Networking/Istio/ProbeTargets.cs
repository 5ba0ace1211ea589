using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Kubernetes.Informers;
using Serving.Networking.Istio.Objects;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;

namespace Serving.Networking.Istio;

/// <summary>
/// Finds the pods of Istio's gateways that must route an Ingress: those behind the Services that config-istio names, at each port that a
/// Gateway of the Ingress opens. One host of a Gateway is enough, because Istio applies a VirtualService as a whole.
/// </summary>
internal sealed class ProbeTargets(
    ILister<IstioGateway> gateways,
    ILister<CoreService> services,
    ILister<Endpoints> endpoints,
    string clusterDomain
)
{
    /// <summary>The targets, or what the Ingress waits for.</summary>
    /// <param name="ingress">The Ingress with defaults.</param>
    /// <param name="selected">Its Gateways in config-istio.</param>
    /// <param name="objects">Its objects.</param>
    public LayerResult Find(Ingress ingress, SelectedGateways selected, IstioObjects objects)
    {
        var search = new Search(services, endpoints);
        foreach (var visibility in (string[])[IngressVisibility.External, IngressVisibility.ClusterLocal])
        {
            if (HostNames.Expand(ingress.Hosts(visibility), clusterDomain) is not [var host, ..])
            {
                continue;
            }

            foreach (var gateway in selected.Of(visibility))
            {
                if (objects.Names.Of(visibility).Contains(gateway.QualifiedName))
                {
                    search.Add(gateway, gateways.Get(gateway.Namespace, gateway.Name), host);
                }
            }
        }

        var behind = selected
            .External.Concat(selected.Local)
            .Select(gateway => services.Get(gateway.ServiceNamespace, gateway.ServiceName))
            .OfType<CoreService>()
            .ToList();
        foreach (var gateway in objects.Gateways)
        {
            search.Add(gateway, behind, static server => server.Hosts is [var host, ..] ? host : null);
        }

        var external = ingress.Hosts(IngressVisibility.External) is [var first, ..] ? first : null;
        foreach (var (gateway, _) in objects.SharedGateways)
        {
            search.Add(gateway, behind, _ => external);
        }

        return search.Result;
    }

    /// <summary>The targets so far, and the first thing that is missing.</summary>
    private sealed class Search(ILister<CoreService> services, ILister<Endpoints> endpoints)
    {
        private readonly HashSet<ProbeTarget> _targets = [];
        private string? _missing;

        public LayerResult Result => new() { Targets = [.. _targets], Waiting = _missing };

        /// <summary>A Gateway of config-istio; null when it does not exist.</summary>
        public void Add(IstioGatewayReference reference, IstioGateway? gateway, string host)
        {
            if (services.Get(reference.ServiceNamespace, reference.ServiceName) is not { } service)
            {
                _missing ??=
                    $"Service {reference.ServiceNamespace}/{reference.ServiceName} of Gateway {reference.QualifiedName} in config-istio does not exist";
            }
            else if (gateway is null)
            {
                _missing ??= $"Gateway {reference.QualifiedName} of config-istio does not exist";
            }
            else
            {
                AddServers(gateway, [service], _ => host);
            }
        }

        /// <summary>A Gateway that was made at the pods of a Service.</summary>
        public void Add(IstioGateway gateway, IReadOnlyList<CoreService> behind, Func<IstioServer, string?> hostOf) =>
            AddServers(gateway, [.. behind.Where(service => SamePods(gateway, service))], hostOf);

        private void AddServers(IstioGateway gateway, IReadOnlyList<CoreService> behind, Func<IstioServer, string?> hostOf)
        {
            foreach (var server in gateway.Spec.Servers)
            {
                if (IsTls(server) is { } isTls && hostOf(server) is { } host)
                {
                    AddPods(server, isTls, host, behind);
                }
            }
        }

        private void AddPods(IstioServer server, bool isTls, string host, IReadOnlyList<CoreService> behind)
        {
            foreach (var service in behind)
            {
                var listed = endpoints.Get(service.Metadata.Namespace, service.Metadata.Name);
                if (ServiceEndpoints.Of(service, listed, server.Port.Number) is not { } pods)
                {
                    continue;
                }

                if (pods.Count == 0)
                {
                    _missing ??= $"Service {service.Metadata.Namespace}/{service.Metadata.Name} has no ready pod";
                }

                _targets.UnionWith(pods.Select(pod => new ProbeTarget(pod, isTls, host, server.Port.Number)));
                return;
            }
        }

        /// <summary>Whether a server is probed with TLS; null when it cannot be: it redirects, asks for a client's certificate, or speaks
        /// another protocol.</summary>
        private static bool? IsTls(IstioServer server) =>
            server.Port.Protocol switch
            {
                "HTTP" or "HTTP2" when server.Tls?.HttpsRedirect != true => false,
                "HTTPS" when server.Tls?.Mode != "MUTUAL" => true,
                _ => null,
            };

        private static bool SamePods(IstioGateway gateway, CoreService service) =>
            service.Spec is { Selector: var selector }
            && selector.Count == gateway.Spec.Selector.Count
            && selector.All(label => gateway.Spec.Selector.GetValueOrDefault(label.Key) == label.Value);
    }
}

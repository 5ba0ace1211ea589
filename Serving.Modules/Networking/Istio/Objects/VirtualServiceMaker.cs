using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Istio;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Reconcilers;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio.Objects;

/// <summary>
/// Makes the VirtualServices of an Ingress: one at Gateways, and one for the sidecars of the mesh if it has cluster-local hosts. Both
/// contain the routes of probes.
/// </summary>
/// <param name="clusterDomain">The cluster's domain.</param>
internal sealed class VirtualServiceMaker(string clusterDomain)
{
    private static readonly string[] Mesh = ["mesh"];

    /// <summary>The VirtualServices.</summary>
    /// <param name="ingress">The Ingress with defaults.</param>
    /// <param name="gateways">The Gateways of each visibility, as <c>namespace/name</c>; none for the mesh only.</param>
    public IReadOnlyList<IstioVirtualService> Make(Ingress ingress, GatewayNames gateways)
    {
        var probed = ProbeRoutes.Insert(ingress, IngressHash.Compute(ingress));
        var made = new List<IstioVirtualService>();
        var local = probed.Hosts().Where(host => HostNames.IsClusterLocal(host, clusterDomain)).ToList();
        if (local.Count > 0)
        {
            // Sidecars know the short names by themselves. With a local gateway they must be listed, so that both route the same names.
            var hosts = gateways.Local.Count > 0 ? HostNames.Expand(local, clusterDomain) : local;
            made.Add(New(probed, Names.MeshVirtualService(ingress), Spec(probed, new GatewayNames(Mesh, Mesh), hosts)));
        }

        if (
            (probed.IsExternal() && gateways.External.Count > 0) || (probed.Has(IngressVisibility.ClusterLocal) && gateways.Local.Count > 0)
        )
        {
            var hosts = HostNames.Expand(probed.Hosts(), clusterDomain);
            made.Add(New(probed, Names.IngressVirtualService(ingress), Spec(probed, gateways, hosts)));
        }

        return made;
    }

    private static IstioVirtualService New(Ingress ingress, string name, IstioVirtualServiceSpec spec)
    {
        var labels = ingress
            .Metadata.Labels.Where(static label => label.Key is not (ServingKeys.Route or ServingKeys.RouteNamespace))
            .ToDictionary(StringComparer.Ordinal);
        labels[NetworkingKeys.Ingress] = ingress.Metadata.Name;
        return new IstioVirtualService
        {
            ApiVersion = IstioResources.VirtualServices.ApiVersion,
            Kind = IstioResources.VirtualServices.Kind,
            Metadata = new ObjectMeta
            {
                Namespace = ingress.Metadata.Namespace,
                Name = name,
                Labels = labels,
                Annotations = ingress.Metadata.Annotations,
                OwnerReferences = [Ownership.ControllerReference(Resources.Ingresses, ingress)],
            },
            Spec = spec,
        };
    }

    private IstioVirtualServiceSpec Spec(Ingress ingress, GatewayNames gateways, IReadOnlyList<string> hosts)
    {
        var routes = new List<IstioHttpRoute>();
        foreach (var rule in ingress.Spec.Rules)
        {
            var matched = rule.Hosts.Intersect(hosts).ToList();
            if (matched.Count > 0)
            {
                routes.AddRange(rule.Http!.Paths.Select(path => Route(matched, path, gateways.Of(rule.Visibility))));
            }
        }

        return new IstioVirtualServiceSpec
        {
            Hosts = hosts,
            Gateways =
            [
                .. routes
                    .SelectMany(static route => route.Match)
                    .SelectMany(static match => match.Gateways)
                    .Distinct(StringComparer.Ordinal)
                    .Order(StringComparer.Ordinal),
            ],
            Http = routes,
        };
    }

    private IstioHttpRoute Route(IEnumerable<string> hosts, HttpIngressPath path, IReadOnlyList<string> gateways) =>
        new()
        {
            Match = [.. Prefixes(hosts).Select(host => Match(host, path, gateways))],
            Route =
            [
                .. path.Splits.Select(split => new IstioRouteDestination
                {
                    Destination = new IstioDestination
                    {
                        Host = HostNames.OfService(split.ServiceName, split.ServiceNamespace, clusterDomain),
                        Port = new IstioPortSelector { Number = PortOf(split) },
                    },
                    Weight = split.Percent == 0 ? null : (int)split.Percent,
                    Headers = Set(split.AppendHeaders),
                }),
            ],
            Headers = Set(path.AppendHeaders),
            Rewrite = path.RewriteHost.Length > 0 ? new IstioHttpRewrite { Authority = path.RewriteHost } : null,

            // Istio retries twice by default. Whether a request may be repeated is decided where that is known: in the activator.
            Retries = new IstioHttpRetry(),
        };

    private static IstioHttpMatch Match(string host, HttpIngressPath path, IReadOnlyList<string> gateways) =>
        new()
        {
            Gateways = gateways,
            Authority = new IstioStringMatch { Prefix = host },
            Uri = path.Path.Length > 0 ? new IstioStringMatch { Prefix = path.Path } : null,
            Headers = path.Headers is { Count: > 0 } headers
                ? headers.ToDictionary(
                    static header => header.Key,
                    static header => new IstioStringMatch { Exact = header.Value.Exact },
                    StringComparer.Ordinal
                )
                : null,
        };

    /// <summary>
    /// The prefixes by which hosts are matched, since a host may be followed by a port. A cluster-local host is matched by its shortest
    /// name. A host that begins with another one needs no match of its own: every match costs Istio a route for each of the hosts.
    /// </summary>
    private List<string> Prefixes(IEnumerable<string> hosts)
    {
        var suffix = ".svc." + clusterDomain;
        var prefixes = new List<string>();
        foreach (var host in hosts.Order(StringComparer.Ordinal))
        {
            var prefix = host.EndsWith(suffix, StringComparison.Ordinal) ? host[..^suffix.Length] : host;
            if (!prefixes.Exists(shorter => prefix.StartsWith(shorter, StringComparison.Ordinal)))
            {
                prefixes.Add(prefix);
            }
        }

        prefixes.Sort(StringComparer.Ordinal);
        return prefixes;
    }

    private static int PortOf(IngressBackendSplit split) =>
        split.ServicePort.Text is { } name
            ? int.TryParse(name, out var number)
                ? number
                : throw new FormatException(
                    $"servicePort {name} of {split.ServiceNamespace}/{split.ServiceName} is a name; Istio needs the number"
                )
            : split.ServicePort.Int;

    private static IstioHeaders? Set(IReadOnlyDictionary<string, string> headers) =>
        headers.Count > 0 ? new IstioHeaders { Request = new IstioHeaderOperations { Set = headers } } : null;
}

using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Kubernetes.Informers;

namespace Serving.Tests.Networking.GatewayApi.DataPlane;

/// <summary>Which HTTPRoutes serve a request, by the rules of the Gateway API's specification.</summary>
internal sealed class AttachedRoutes(ILister<HttpRoute> routes, ILister<Namespace> namespaces)
{
    /// <summary>The listener of a Gateway for a protocol and a host: the one with the most specific hostname; null for none.</summary>
    public static GatewayListener? ListenerOf(KubernetesGateway gateway, string protocol, string host) =>
        gateway
            .Spec.Listeners.Where(listener => listener.Protocol == protocol && Covers(listener.Hostname, host))
            .MaxBy(static listener => Specificity(listener.Hostname));

    /// <summary>The rule that a request matches at a listener, with its HTTPRoute; null for none.</summary>
    public (HttpRoute Route, HttpRouteRule Rule)? Find(
        KubernetesGateway gateway,
        GatewayListener listener,
        string host,
        string path,
        Func<string, string?> header
    )
    {
        var attached = routes.List().Where(route => IsAttached(route, gateway, listener)).ToList();
        var hosts = attached.SelectMany(HostsOf).Where(hostname => Covers(hostname, host)).Distinct().OrderByDescending(Specificity);
        foreach (var hostname in hosts)
        {
            var candidates =
                from route in attached
                where HostsOf(route).Contains(hostname)
                from rule in route.Spec.Rules
                from match in rule.Matches.DefaultIfEmpty(new HttpRouteMatch())
                where Matches(match, path, header)
                orderby (match.Path?.Value ?? "/").TrimEnd('/').Length descending, match.Headers.Count descending, route.Metadata.Name
                select (route, rule);
            if (candidates.Select(static found => ((HttpRoute, HttpRouteRule)?)found).FirstOrDefault() is { } best)
            {
                return best;
            }
        }

        return null;
    }

    /// <summary>Whether a listener admits the route: it names the listener, or none, and its namespace is allowed.</summary>
    public bool IsAttached(HttpRoute route, KubernetesGateway gateway, GatewayListener listener) =>
        route.Spec.ParentRefs.Any(parent =>
            parent.Name == gateway.Metadata.Name
            && (parent.Namespace.Length == 0 ? route.Metadata.Namespace : parent.Namespace) == gateway.Metadata.Namespace
            && (parent.SectionName.Length == 0 || parent.SectionName == listener.Name)
        )
        && Allows(listener.AllowedRoutes?.Namespaces, gateway.Metadata.Namespace, route.Metadata.Namespace)
        && HostsOf(route).Any(host => listener.Hostname.Length == 0 || Covers(listener.Hostname, host) || Covers(host, listener.Hostname));

    private bool Allows(GatewayRouteNamespaces? allowed, string gateway, string route) =>
        allowed?.From switch
        {
            "All" => true,
            "Selector" => namespaces.Get("", route) is { } labelled
                && allowed.Selector!.MatchLabels.All(label => labelled.Metadata.Labels.GetValueOrDefault(label.Key) == label.Value),
            _ => gateway == route,
        };

    private static IEnumerable<string> HostsOf(HttpRoute route) => route.Spec.Hostnames.DefaultIfEmpty("");

    private static bool Matches(HttpRouteMatch match, string path, Func<string, string?> header)
    {
        var prefix = (match.Path?.Value ?? "/").TrimEnd('/');
        return (path == prefix || path.StartsWith(prefix + "/", StringComparison.Ordinal))
            && match.Headers.All(wanted => header(wanted.Name) == wanted.Value);
    }

    private static bool Covers(string hostname, string host) =>
        hostname.Length == 0
        || hostname == host
        || (hostname.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(hostname[1..], StringComparison.Ordinal));

    private static int Specificity(string hostname) =>
        hostname.Length == 0 ? 0
        : hostname.StartsWith('*') ? hostname.Length
        : 1000 + hostname.Length;
}

using Microsoft.AspNetCore.Http;
using Serving.Api.Networking;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes.Informers;
using Serving.Networking.Gateway.Proxying;
using Serving.Networking.Gateway.Routing;
using Serving.Networking.Layers;

namespace Serving.Networking.Gateway.Inspection;

/// <summary>Explains where a table routes a request, for display. It matches as the router does, for a request without special headers, and
/// changes nothing.</summary>
internal static class RouteExplainer
{
    private static readonly HeaderDictionary NoHeaders = [];

    public static RouteExplanation Explain(RouteTable table, ILister<Ingress> ingresses, string host, string path)
    {
        var name = HostTable.NameOf(host).ToString();
        var rejected = table
            .Ingresses.Where(pair => string.Equals(pair.Value.Conflict, name, StringComparison.OrdinalIgnoreCase))
            .Select(static pair => pair.Key.ToString())
            .Order(StringComparer.Ordinal);
        return new RouteExplanation(
            name,
            path,
            Explain(table, table.External, ingresses, name, path),
            Explain(table, table.ClusterLocal, ingresses, name, path),
            [.. rejected]
        );
    }

    private static ListenerExplanation? Explain(RouteTable table, HostTable hosts, ILister<Ingress> ingresses, string host, string path)
    {
        if (hosts.FindPattern(host) is not var (pattern, routes))
        {
            return null;
        }

        var matched = routes.Match(path, NoHeaders);
        var steps = new List<RouteStep>();
        var (route, name) = (matched, host);
        while (route is not null)
        {
            steps.Add(StepOf(route, name, ingresses));
            if (steps.Count == RequestRouter.MaxDepth || !route.Splits.Any(static split => split.Backend.Resolve().LeadsToGateway))
            {
                break;
            }

            name = route.RewriteHost ?? name;
            route = table.ClusterLocal.Find(name)?.Match(path, NoHeaders);
        }

        return new ListenerExplanation(pattern, steps, [.. routes.All.Where(other => other != matched).Select(RuleOf)]);
    }

    private static RouteStep StepOf(Route route, string host, ILister<Ingress> ingresses) =>
        new(
            host,
            RuleOf(route),
            route.Hash,
            route.Splits.All(static split => split.Backend.Available),
            ingresses.Get(route.Ingress.Namespace, route.Ingress.Name) is { } ingress ? IngressHash.Compute(ingress) == route.Hash : null,
            route.RewriteHost,
            route.RedirectToHttps,
            [.. route.SetHeaders.Select(static header => header.Key)],
            [.. route.Splits.Select(SplitOf)]
        );

    private static RouteRule RuleOf(Route route) =>
        new(route.Prefix, [.. route.Headers.Select(static header => $"{header.Name}: {header.Value}")], route.Ingress.ToString());

    private static RouteSplit SplitOf(Split split)
    {
        var state = split.Backend.Resolve();
        return new RouteSplit(
            split.Backend.Key.ToString(),
            split.Percent,
            split.Namespace,
            split.Revision,
            state.LeadsToGateway,
            (state.Http2 ? "h2c" : "http1") + (state.Https ? " with TLS" : ""),
            state.Endpoints.Length,
            [
                .. state
                    .Endpoints.Take(RouteSplit.MostListed)
                    .Select(static endpoint => new RouteEndpoint(
                        endpoint.Address,
                        endpoint.LocalActivator,
                        endpoint.InFlight,
                        endpoint.Avoided
                    )),
            ]
        );
    }
}

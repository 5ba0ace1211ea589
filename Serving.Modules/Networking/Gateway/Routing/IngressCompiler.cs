using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Gateway.Telemetry;
using Serving.Networking.Layers;

namespace Serving.Networking.Gateway.Routing;

/// <summary>Compiles an Ingress to routes. Pure, except that it acquires backends from the registry, which the caller releases with the
/// fragment, and gets counters from the statistics.</summary>
internal sealed class IngressCompiler(BackendRegistry backends, GatewayStatistics statistics, string clusterDomain)
{
    private const string OptionRedirected = "Redirected";
    private const string AcmeChallengePrefix = "/.well-known/acme-challenge/";

    public IngressFragment Compile(Ingress ingress)
    {
        var used = new List<Backend>();
        try
        {
            return Compile(ingress, used);
        }
        catch
        {
            backends.Release(used);
            throw;
        }
    }

    private IngressFragment Compile(Ingress ingress, List<Backend> used)
    {
        var hash = IngressHash.Compute(ingress);
        var external = new Dictionary<string, List<Route>>(StringComparer.OrdinalIgnoreCase);
        var clusterLocal = new Dictionary<string, List<Route>>(StringComparer.OrdinalIgnoreCase);
        var counted = new List<TrafficKey>();
        foreach (var rule in ingress.Spec.Rules)
        {
            var outside = rule.Visibility != IngressVisibility.ClusterLocal;
            var redirect = outside && ingress.Spec.HttpOption == OptionRedirected;
            List<Route> routes = [.. (rule.Http?.Paths ?? []).Select(path => CompilePath(ingress, path, hash, redirect, used, counted))];
            foreach (var host in Hosts(rule, outside))
            {
                Add(clusterLocal, host, routes);
                if (outside)
                {
                    Add(external, host, routes);
                }
            }
        }

        // The names of a rule share its routes.
        var compiled = new Dictionary<List<Route>, HostRoutes>(ReferenceEqualityComparer.Instance);
        return new IngressFragment
        {
            Hash = hash,
            Generation = ingress.Metadata.Generation,
            External = ByHost(external, compiled),
            ClusterLocal = ByHost(clusterLocal, compiled),
            Tls = [.. ingress.Spec.Tls.SelectMany(tls => tls.Hosts.Select(host => new TlsHost(host, SecretOf(ingress, tls))))],
            Backends = used,
            Counted = counted,
        };
    }

    /// <summary>The names of a rule's host: a cluster-local host is also reachable without the cluster's domain, and without
    /// <c>svc</c>.</summary>
    private IEnumerable<string> Hosts(IngressRule rule, bool outside)
    {
        if (rule.Hosts.Count == 0)
        {
            return ["*"];
        }

        return outside
            ? rule.Hosts.Distinct(StringComparer.OrdinalIgnoreCase)
            : rule.Hosts.SelectMany(Expand).Distinct(StringComparer.OrdinalIgnoreCase);
    }

    private IEnumerable<string> Expand(string host)
    {
        yield return host;
        foreach (var suffix in (string[])["." + clusterDomain, ".svc." + clusterDomain])
        {
            if (
                host.Length > suffix.Length
                && host.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)
                && HostNames.HasTopLevelDomain(host[..^suffix.Length])
            )
            {
                yield return host[..^suffix.Length];
            }
        }
    }

    private Route CompilePath(
        Ingress ingress,
        HttpIngressPath path,
        string hash,
        bool redirect,
        List<Backend> used,
        List<TrafficKey> counted
    )
    {
        var name = ingress.Metadata.Labels.GetValueOrDefault(ServingKeys.Route, "");
        var splits = path.Splits.Select(split => CompileSplit(split, path, name, used, counted)).ToArray();
        var prefix = path.Path.Length == 0 ? "/" : path.Path;
        return new Route(
            prefix,
            [
                .. (path.Headers ?? new Dictionary<string, HeaderMatch>()).Select(static header => new HeaderRequirement(
                    header.Key,
                    header.Value.Exact
                )),
            ],
            splits
        )
        {
            Hash = hash,
            Ingress = ObjectKey.Of(ingress),
            Name = name,
            SetHeaders = [.. path.AppendHeaders],
            KnowsTags = KnowsTags(path),
            RewriteHost = path.RewriteHost.Length == 0 ? null : path.RewriteHost,
            RedirectToHttps = redirect && !prefix.StartsWith(AcmeChallengePrefix, StringComparison.Ordinal),
        };
    }

    private static bool KnowsTags(HttpIngressPath path) =>
        path.Headers?.Keys.Contains(Headers.Tag, StringComparer.OrdinalIgnoreCase) == true
        || path.AppendHeaders.Keys.Any(static name =>
            name.Equals(Headers.Tag, StringComparison.OrdinalIgnoreCase)
            || name.Equals(Headers.DefaultRoute, StringComparison.OrdinalIgnoreCase)
        );

    private Split CompileSplit(IngressBackendSplit split, HttpIngressPath path, string route, List<Backend> used, List<TrafficKey> counted)
    {
        var backend = backends.Acquire(new BackendKey(split.ServiceNamespace, split.ServiceName, split.ServicePort));
        used.Add(backend);
        var revision = Header(split, path, Headers.Revision);
        var ns = revision is null ? split.ServiceNamespace : Header(split, path, Headers.Namespace) ?? split.ServiceNamespace;
        var key = new TrafficKey(ns, revision ?? split.ServiceName, revision is not null, route);
        counted.Add(key);
        var percent = path.Splits.Count == 1 && split.Percent == 0 ? 100 : (int)Math.Clamp(split.Percent, 0, 100);
        return new Split(backend, percent, [.. split.AppendHeaders], ns, revision, statistics.For(key));
    }

    private static string? Header(IngressBackendSplit split, HttpIngressPath path, string name) =>
        split.AppendHeaders.GetValueOrDefault(name) ?? path.AppendHeaders.GetValueOrDefault(name);

    private static ObjectKey SecretOf(Ingress ingress, IngressTls tls) =>
        new(tls.SecretNamespace.Length == 0 ? ingress.Metadata.Namespace : tls.SecretNamespace, tls.SecretName);

    private static Dictionary<string, HostRoutes> ByHost(
        Dictionary<string, List<Route>> hosts,
        Dictionary<List<Route>, HostRoutes> compiled
    )
    {
        var result = new Dictionary<string, HostRoutes>(hosts.Count, StringComparer.OrdinalIgnoreCase);
        foreach (var (host, routes) in hosts)
        {
            if (!compiled.TryGetValue(routes, out var known))
            {
                compiled.Add(routes, known = new HostRoutes(routes));
            }

            result.Add(host, known);
        }

        return result;
    }

    private static void Add(Dictionary<string, List<Route>> hosts, string host, List<Route> routes)
    {
        if (hosts.TryGetValue(host, out var existing))
        {
            hosts[host] = [.. existing, .. routes];
        }
        else
        {
            hosts[host] = routes;
        }
    }
}

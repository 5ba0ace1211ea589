using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Networking.Gateway.Backends;
using Serving.Networking.Layers;

namespace Serving.Networking.Gateway.Routing;

/// <summary>Compiles an Ingress to routes. Pure, except that it gets backends from the registry and counters from the statistics.</summary>
internal sealed class IngressCompiler(BackendRegistry backends, GatewayStatistics statistics, string clusterDomain)
{
    private const string OptionRedirected = "Redirected";
    private const string AcmeChallengePrefix = "/.well-known/acme-challenge/";

    public IngressFragment Compile(Ingress ingress)
    {
        var hash = IngressHash.Compute(ingress);
        var external = new Dictionary<string, List<Route>>(StringComparer.OrdinalIgnoreCase);
        var clusterLocal = new Dictionary<string, List<Route>>(StringComparer.OrdinalIgnoreCase);
        var used = new List<Backend>();
        var counted = new List<(string, string)>();
        foreach (var rule in ingress.Spec.Rules)
        {
            var outside = rule.Visibility != IngressVisibility.ClusterLocal;
            var redirect = outside && ingress.Spec.HttpOption == OptionRedirected;
            List<Route> routes = [.. (rule.Http?.Paths ?? []).Select(path => CompilePath(path, hash, redirect, used, counted))];
            foreach (var host in Hosts(rule, outside))
            {
                Add(clusterLocal, host, routes);
                if (outside)
                {
                    Add(external, host, routes);
                }
            }
        }

        return new IngressFragment
        {
            Hash = hash,
            Generation = ingress.Metadata.Generation,
            External = external,
            ClusterLocal = clusterLocal,
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

    private Route CompilePath(HttpIngressPath path, string hash, bool redirect, List<Backend> used, List<(string, string)> counted)
    {
        var splits = path.Splits.Select(split => CompileSplit(split, path, used, counted)).ToArray();
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

    private Split CompileSplit(IngressBackendSplit split, HttpIngressPath path, List<Backend> used, List<(string, string)> counted)
    {
        var backend = backends.Get(new BackendKey(split.ServiceNamespace, split.ServiceName, split.ServicePort));
        used.Add(backend);
        var revision = Header(split, path, Headers.Revision);
        var ns = revision is null ? split.ServiceNamespace : Header(split, path, Headers.Namespace) ?? split.ServiceNamespace;
        var counter = (ns, revision ?? split.ServiceName);
        counted.Add(counter);
        var percent = path.Splits.Count == 1 && split.Percent == 0 ? 100 : (int)Math.Clamp(split.Percent, 0, 100);
        return new Split(backend, percent, [.. split.AppendHeaders], ns, revision, statistics.For(counter.ns, counter.Item2));
    }

    private static string? Header(IngressBackendSplit split, HttpIngressPath path, string name) =>
        split.AppendHeaders.GetValueOrDefault(name) ?? path.AppendHeaders.GetValueOrDefault(name);

    private static ObjectKey SecretOf(Ingress ingress, IngressTls tls) =>
        new(tls.SecretNamespace.Length == 0 ? ingress.Metadata.Namespace : tls.SecretNamespace, tls.SecretName);

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

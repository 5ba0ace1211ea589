using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Dataplane.Upstreams;

namespace Serving.Host.Composition;

/// <summary>
/// How the pods and activators behind a revision are verified. Invariant: a namespace has one and the same instance until the trusted
/// authorities change, because connections are shared per instance.
/// </summary>
internal sealed class SystemTls(SystemCertificates certificates, ConfigStore config)
{
    /// <summary>The name that every certificate of the system carries: asked for, but proof of nothing.</summary>
    private const string ServerName = "data-plane.knative.dev";

    private const string Routing = "kn-routing";
    private const string UserPrefix = "kn-user-";

    private const int MostNamespaces = 10_000;

    private Generation _pods = new([]);
    private Generation _revisions = new([]);

    /// <summary>For an activator, to the pods of a namespace; null while system-internal-tls is off.</summary>
    public UpstreamTls? ToPods(string ns) => config.Current.Network.SystemInternalTls ? Of(ref _pods, ns, withActivators: false) : null;

    /// <summary>For a gateway, to what stands behind a revision of a namespace: its pods, or activators.</summary>
    public UpstreamTls ToRevisions(string ns) => Of(ref _revisions, ns, withActivators: true);

    private UpstreamTls Of(ref Generation current, string ns, bool withActivators)
    {
        var roots = certificates.Roots;
        var generation = Volatile.Read(ref current);
        if (!ReferenceEquals(generation.Roots, roots))
        {
            generation = new Generation(roots);
            Volatile.Write(ref current, generation);
        }

        // Namespaces come and go; connections to the pods of those that are left are made anew, no more.
        if (generation.ByNamespace.Count >= MostNamespaces)
            generation.ByNamespace.Clear();
        return generation.ByNamespace.GetOrAdd(
            ns,
            static (key, state) =>
            {
                var user = UserPrefix + key.ToLowerInvariant();
                return new UpstreamTls(ServerName, state.roots) { PeerNames = state.withActivators ? [user, Routing] : [user] };
            },
            (roots, withActivators)
        );
    }

    /// <summary>What was made while the same authorities were trusted: as many as there are namespaces with revisions.</summary>
    private sealed record Generation(X509Certificate2Collection Roots)
    {
        public ConcurrentDictionary<string, UpstreamTls> ByNamespace { get; } = new(StringComparer.Ordinal);
    }
}

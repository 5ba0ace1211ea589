using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Serving.Certificates;
using Serving.ConfigMaps;
using Serving.Dataplane.Upstreams;

namespace Serving.Host.Composition;

/// <summary>
/// How the pods and activators behind a revision are verified. Invariant: a namespace keeps the same instance until the trusted authorities
/// change, because connections are shared per instance.
/// </summary>
internal sealed class SystemTls(SystemCertificates certificates, ConfigStore config)
{
    /// <summary>The name in every system certificate: sent as SNI, but not sufficient as proof of identity.</summary>
    private const string ServerName = "data-plane.knative.dev";

    private const string Routing = "kn-routing";
    private const string UserPrefix = "kn-user-";

    private const int MostNamespaces = 10_000;

    private Generation _pods = new([]);
    private Generation _revisions = new([]);

    /// <summary>For an activator's connections to the pods of a namespace; null while system-internal-tls is off.</summary>
    public UpstreamTls? ToPods(string ns) => config.Current.Network.SystemInternalTls ? Of(ref _pods, ns, withActivators: false) : null;

    /// <summary>For a gateway's connections to a revision's backends in a namespace: its pods, or activators.</summary>
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

        // Namespaces come and go; the only cost of clearing is that connections to the remaining ones are reopened.
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

    /// <summary>The instances for one set of trusted authorities, one for each namespace with revisions.</summary>
    private sealed record Generation(X509Certificate2Collection Roots)
    {
        public ConcurrentDictionary<string, UpstreamTls> ByNamespace { get; } = new(StringComparer.Ordinal);
    }
}

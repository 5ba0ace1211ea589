using System.Security.Cryptography;
using System.Text;
using Serving.Api.Core;
using Serving.Api.GatewayApi;
using Serving.Api.Networking;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>
/// Makes the listeners that terminate TLS for an Ingress, and exchanges them in a Gateway. Invariant: a listener is ours exactly when its
/// name begins with <c>kni-</c> and the uid of the Ingress; all others, and their order, stay.
/// </summary>
internal static class ListenerMaker
{
    /// <summary>How many listeners a Gateway takes.</summary>
    public const int MostListeners = 64;

    /// <summary>The protocol of listeners that terminate TLS.</summary>
    public const string Https = "HTTPS";

    /// <summary>The protocol of listeners for plain HTTP.</summary>
    public const string Http = "HTTP";

    private const string Prefix = "kni-";
    private const int HttpsPort = 443;
    private const string NamespaceLabel = "kubernetes.io/metadata.name";

    /// <summary>One listener for each of the hosts that has a certificate, in their order; the first certificate of a host
    /// counts.</summary>
    public static IReadOnlyList<GatewayListener> Make(Ingress ingress, IReadOnlyList<string> hosts) =>
        [
            .. hosts
                .Distinct(StringComparer.Ordinal)
                .Select(host => (Host: host, Tls: ingress.Spec.Tls.FirstOrDefault(tls => tls.Hosts.Contains(host))))
                .Where(static pair => pair.Tls is not null)
                .Select((pair, index) => Listener(ingress, pair.Host, pair.Tls!, index == 0)),
        ];

    /// <summary>The listeners of a Gateway with those of the Ingress as wanted: changed where they are, added at the end, the rest of its
    /// own taken out.</summary>
    public static IReadOnlyList<GatewayListener> Exchange(
        IReadOnlyList<GatewayListener> existing,
        Ingress ingress,
        IReadOnlyList<GatewayListener> wanted
    )
    {
        var byName = wanted.ToDictionary(static listener => listener.Name, StringComparer.Ordinal);
        var result = new List<GatewayListener>(existing.Count + wanted.Count);
        foreach (var listener in existing)
        {
            if (byName.Remove(listener.Name, out var changed))
            {
                result.Add(changed);
            }
            else if (!IsOf(ingress, listener))
            {
                result.Add(listener);
            }
        }

        result.AddRange(wanted.Where(listener => byName.ContainsKey(listener.Name)));
        return result;
    }

    /// <summary>Whether the listener was added for this Ingress.</summary>
    public static bool IsOf(Ingress ingress, GatewayListener listener) =>
        listener.Name.StartsWith(Prefix + ingress.Metadata.Uid, StringComparison.Ordinal);

    /// <summary>Whether the listener was added for an Ingress.</summary>
    public static bool IsOurs(GatewayListener listener) => listener.Name.StartsWith(Prefix, StringComparison.Ordinal);

    /// <summary>Whether the listener serves a host: one without a hostname serves all, <c>*.example.com</c> all below it.</summary>
    public static bool Serves(GatewayListener listener, string host) =>
        listener.Hostname.Length == 0
        || listener.Hostname == host
        || (
            listener.Hostname.StartsWith("*.", StringComparison.Ordinal) && host.EndsWith(listener.Hostname[1..], StringComparison.Ordinal)
        );

    private static string NamespaceOf(Ingress ingress, IngressTls tls) =>
        tls.SecretNamespace.Length == 0 ? ingress.Metadata.Namespace : tls.SecretNamespace;

    private static GatewayListener Listener(Ingress ingress, string host, IngressTls tls, bool isFirst) =>
        new()
        {
            // Names in a Gateway are unique. Most Ingresses have one host with a certificate, and its name is that of Knative's controller.
            Name = Prefix + ingress.Metadata.Uid + (isFirst ? "" : "-" + ShortHash(host)),
            Hostname = host,
            Port = HttpsPort,
            Protocol = Https,
            Tls = new GatewayListenerTls
            {
                Mode = "Terminate",
                CertificateRefs =
                [
                    new GatewaySecretReference
                    {
                        Group = "",
                        Kind = "Secret",
                        Name = tls.SecretName,
                        Namespace = NamespaceOf(ingress, tls),
                    },
                ],
            },
            AllowedRoutes = new GatewayAllowedRoutes
            {
                Namespaces = new GatewayRouteNamespaces
                {
                    From = "Selector",
                    Selector = new LabelSelector
                    {
                        MatchLabels = new Dictionary<string, string> { [NamespaceLabel] = ingress.Metadata.Namespace },
                    },
                },
            },
        };

    private static string ShortHash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 4));
}

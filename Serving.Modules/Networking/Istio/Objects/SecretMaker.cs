using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;

namespace Serving.Networking.Istio.Objects;

/// <summary>
/// Makes the copies of certificates in the namespaces of Istio's gateways, which read no Secret of another namespace. A copy names its
/// original in labels; it has no owner, because owners cannot be in another namespace.
/// </summary>
internal static class SecretMaker
{
    private const string AuthorityEntry = "ca.crt";

    /// <summary>The copy of a certificate of an Ingress.</summary>
    public static Secret Copy(Ingress ingress, Secret origin, string ns) => New(origin, Names.SecretCopy(ingress, origin), ns);

    /// <summary>The copy of a wildcard certificate, which Ingresses share.</summary>
    public static Secret CopyWildcard(Secret origin, string ns) =>
        New(origin, Names.WildcardSecretCopy(origin.Metadata.Namespace!, origin.Metadata.Name), ns);

    /// <summary>The copy of the authority of activators and sidecars, without the private key beside it.</summary>
    public static Secret CopyAuthority(Secret origin, string ns) =>
        New(origin, origin.Metadata.Name, ns) with
        {
            Data = origin.Data?.Where(static entry => entry.Key == AuthorityEntry).ToDictionary(StringComparer.Ordinal),
            Type = "Opaque",
        };

    /// <summary>Whether a Secret is the copy of this one.</summary>
    public static bool IsCopyOf(Secret candidate, string ns, string name) =>
        candidate.Metadata.Labels.GetValueOrDefault(NetworkingKeys.OriginSecretNamespace) == ns
        && candidate.Metadata.Labels.GetValueOrDefault(NetworkingKeys.OriginSecretName) == Names.OriginLabel(name);

    /// <summary>The original of a copy; null when the Secret is none.</summary>
    public static (string Namespace, string Name)? OriginOf(Secret candidate) =>
        candidate.Metadata.Labels.TryGetValue(NetworkingKeys.OriginSecretNamespace, out var ns)
        && candidate.Metadata.Labels.TryGetValue(NetworkingKeys.OriginSecretName, out var name)
            ? (ns, candidate.Metadata.Annotations.GetValueOrDefault(NetworkingKeys.OriginSecretName, name))
            : null;

    private static Secret New(Secret origin, string name, string ns)
    {
        var originName = origin.Metadata.Name;
        return new Secret
        {
            ApiVersion = "v1",
            Kind = "Secret",
            Metadata = new ObjectMeta
            {
                Namespace = ns,
                Name = name,
                Labels = new Dictionary<string, string>(StringComparer.Ordinal)
                {
                    [NetworkingKeys.OriginSecretNamespace] = origin.Metadata.Namespace,
                    [NetworkingKeys.OriginSecretName] = Names.OriginLabel(originName),
                    [NetworkingKeys.CertificateUid] = origin.Metadata.Labels.GetValueOrDefault(NetworkingKeys.CertificateUid, ""),
                },
                Annotations = Names.IsTooLongForLabel(originName)
                    ? new Dictionary<string, string> { [NetworkingKeys.OriginSecretName] = originName }
                    : Empty.Map,
            },
            Data = origin.Data,
            Type = origin.Type,
        };
    }
}

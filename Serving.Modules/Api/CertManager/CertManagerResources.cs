using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>The resources of cert-manager, which a cluster may lack; for those of every cluster see <see cref="Resources"/>.</summary>
public static class CertManagerResources
{
    private const string Group = "cert-manager.io";

    public static ResourceType<CertManagerCertificate> Certificates { get; } =
        new(
            Group,
            "v1",
            "certificates",
            "Certificate",
            ApiJson.Default.Of<CertManagerCertificate>(),
            ApiJson.Default.Of<KubernetesList<CertManagerCertificate>>()
        );

    public static ResourceType<CertManagerIssuer> Issuers { get; } =
        new(
            Group,
            "v1",
            "issuers",
            "Issuer",
            ApiJson.Default.Of<CertManagerIssuer>(),
            ApiJson.Default.Of<KubernetesList<CertManagerIssuer>>()
        );

    public static ResourceType<CertManagerIssuer> ClusterIssuers { get; } =
        new(
            Group,
            "v1",
            "clusterissuers",
            "ClusterIssuer",
            ApiJson.Default.Of<CertManagerIssuer>(),
            ApiJson.Default.Of<KubernetesList<CertManagerIssuer>>(),
            Namespaced: false
        );

    public static ResourceType<CertManagerChallenge> Challenges { get; } =
        new(
            "acme." + Group,
            "v1",
            "challenges",
            "Challenge",
            ApiJson.Default.Of<CertManagerChallenge>(),
            ApiJson.Default.Of<KubernetesList<CertManagerChallenge>>()
        );

    /// <summary>All of them.</summary>
    public static IReadOnlyList<ResourceType> All { get; } = [Certificates, Issuers, ClusterIssuers, Challenges];
}

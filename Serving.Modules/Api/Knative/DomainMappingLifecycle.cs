using Serving.Api.Conditions;

namespace Serving.Api.Knative;

/// <summary>The conditions of a DomainMapping.</summary>
public static class DomainMappingLifecycle
{
    public const string Ready = "Ready";
    public const string DomainClaimed = "DomainClaimed";
    public const string ReferenceResolved = "ReferenceResolved";
    public const string IngressReady = IngressConditions.IngressReady;
    public const string CertificateProvisioned = IngressConditions.CertificateProvisioned;

    /// <summary>Why no certificate is issued: the mapping names a Secret.</summary>
    public const string CertificateProvidedExternally = "TLS certificate was provided externally";

    /// <summary>The conditions of a DomainMapping.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, DomainClaimed, ReferenceResolved, IngressReady, CertificateProvisioned);

    public static DomainMappingStatus MarkCertificateNotRequired(this DomainMappingStatus status, DateTimeOffset now) =>
        status.TrueWithReason(CertificateProvisioned, "CertificateExternallyProvided", CertificateProvidedExternally, now);

    public static DomainMappingStatus MarkCertificateNotReady(this DomainMappingStatus status, string name, DateTimeOffset now) =>
        status.Unknown(CertificateProvisioned, "CertificateNotReady", $"Certificate {name} is not ready.", now);

    public static DomainMappingStatus MarkCertificateProvisionFailed(
        this DomainMappingStatus status,
        string name,
        DateTimeOffset now,
        string why = ""
    ) =>
        status.False(
            CertificateProvisioned,
            "CertificateProvisionFailed",
            $"Certificate {name} failed to be provisioned.{ConditionSet.Detail(why)}",
            now
        );

    public static DomainMappingStatus MarkDomainClaimed(this DomainMappingStatus status, DateTimeOffset now) =>
        status.True(DomainClaimed, now);

    public static DomainMappingStatus MarkDomainClaimNotOwned(this DomainMappingStatus status, DateTimeOffset now, string holder = "") =>
        status.False(
            DomainClaimed,
            "DomainAlreadyClaimed",
            $"The domain name is already in use by another DomainMapping{ConditionSet.Detail(holder, ". ")}",
            now
        );

    /// <summary>The domain has no claim, and claims are not created automatically.</summary>
    public static DomainMappingStatus MarkDomainClaimMissing(
        this DomainMappingStatus status,
        string domain,
        string ns,
        DateTimeOffset now
    ) =>
        status.False(
            DomainClaimed,
            "DomainClaimMissing",
            $"There is no ClusterDomainClaim \"{domain}\", and autocreate-cluster-domain-claims in config-network is not true: "
                + $"create one with spec.namespace \"{ns}\", or set that key.",
            now
        );

    public static DomainMappingStatus MarkDomainClaimFailed(this DomainMappingStatus status, string message, DateTimeOffset now) =>
        status.False(DomainClaimed, "DomainClaimFailed", message, now);

    public static DomainMappingStatus MarkReferenceResolved(this DomainMappingStatus status, DateTimeOffset now) =>
        status.True(ReferenceResolved, now);

    public static DomainMappingStatus MarkReferenceNotResolved(this DomainMappingStatus status, string message, DateTimeOffset now) =>
        status.False(ReferenceResolved, "ResolveFailed", message, now);
}

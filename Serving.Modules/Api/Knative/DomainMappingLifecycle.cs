using Serving.Api.Networking;

namespace Serving.Api.Knative;

/// <summary>The state machine of a DomainMapping's conditions.</summary>
public static class DomainMappingLifecycle
{
    public const string Ready = "Ready";
    public const string DomainClaimed = "DomainClaimed";
    public const string ReferenceResolved = "ReferenceResolved";
    public const string IngressReady = "IngressReady";
    public const string CertificateProvisioned = "CertificateProvisioned";

    /// <summary>Why no certificate is made: the mapping names a Secret.</summary>
    public const string CertificateProvidedExternally = "TLS certificate was provided externally";

    /// <summary>The conditions of a DomainMapping.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, DomainClaimed, ReferenceResolved, IngressReady, CertificateProvisioned);

    public static DomainMappingStatus MarkTlsNotEnabled(this DomainMappingStatus status, string message, DateTimeOffset now)
        => status.TrueWithReason(CertificateProvisioned, "TLSNotEnabled", message, now);

    public static DomainMappingStatus MarkCertificateNotRequired(this DomainMappingStatus status, DateTimeOffset now)
        => status.TrueWithReason(CertificateProvisioned, "CertificateExternallyProvided", CertificateProvidedExternally, now);

    public static DomainMappingStatus MarkCertificateReady(this DomainMappingStatus status, DateTimeOffset now) => status.True(CertificateProvisioned, now);

    public static DomainMappingStatus MarkCertificateNotReady(this DomainMappingStatus status, string name, DateTimeOffset now)
        => status.Unknown(CertificateProvisioned, "CertificateNotReady", $"Certificate {name} is not ready.", now);

    public static DomainMappingStatus MarkCertificateNotOwned(this DomainMappingStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(CertificateProvisioned, "CertificateNotOwned", $"There is an existing certificate {name} that we don't own.{ConditionSet.Detail(holder)}", now);

    public static DomainMappingStatus MarkCertificateProvisionFailed(this DomainMappingStatus status, string name, DateTimeOffset now, string why = "")
        => status.False(CertificateProvisioned, "CertificateProvisionFailed", $"Certificate {name} failed to be provisioned.{ConditionSet.Detail(why)}", now);

    /// <summary>An Ingress of that name belongs to somebody else.</summary>
    public static DomainMappingStatus MarkIngressNotOwned(this DomainMappingStatus status, string name, DateTimeOffset now, string holder = "")
        => status.MarkIngressFailed("NotOwned", $"There is an existing Ingress \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>What leads traffic to the mapping cannot be had.</summary>
    public static DomainMappingStatus MarkIngressFailed(this DomainMappingStatus status, string reason, string message, DateTimeOffset now)
        => status.False(IngressReady, reason, message, now);

    /// <summary>The certificate is not there yet; until then plain HTTP is served.</summary>
    public static DomainMappingStatus MarkHttpDowngrade(this DomainMappingStatus status, string name, DateTimeOffset now)
        => status.TrueWithReason(CertificateProvisioned, "HTTPDowngrade", $"Certificate {name} is not ready downgrade HTTP.", now);

    public static DomainMappingStatus MarkIngressNotConfigured(this DomainMappingStatus status, DateTimeOffset now)
        => status.Unknown(IngressReady, "IngressNotConfigured", "Ingress has not yet been reconciled.", now);

    public static DomainMappingStatus MarkDomainClaimed(this DomainMappingStatus status, DateTimeOffset now) => status.True(DomainClaimed, now);

    public static DomainMappingStatus MarkDomainClaimNotOwned(this DomainMappingStatus status, DateTimeOffset now, string holder = "")
        => status.False(
            DomainClaimed, "DomainAlreadyClaimed", $"The domain name is already in use by another DomainMapping{ConditionSet.Detail(holder, ". ")}", now);

    /// <summary>Nobody has claimed the domain, and claims are not made automatically.</summary>
    public static DomainMappingStatus MarkDomainClaimMissing(this DomainMappingStatus status, string domain, string ns, DateTimeOffset now)
        => status.False(
            DomainClaimed,
            "DomainClaimMissing",
            $"There is no ClusterDomainClaim \"{domain}\", and autocreate-cluster-domain-claims in config-network is not true: "
            + $"create one with spec.namespace \"{ns}\", or set that key.",
            now);

    public static DomainMappingStatus MarkDomainClaimFailed(this DomainMappingStatus status, string message, DateTimeOffset now)
        => status.False(DomainClaimed, "DomainClaimFailed", message, now);

    public static DomainMappingStatus MarkReferenceResolved(this DomainMappingStatus status, DateTimeOffset now) => status.True(ReferenceResolved, now);

    public static DomainMappingStatus MarkReferenceNotResolved(this DomainMappingStatus status, string message, DateTimeOffset now)
        => status.False(ReferenceResolved, "ResolveFailed", message, now);

    /// <summary>Takes over whether the Ingress is ready.</summary>
    public static DomainMappingStatus PropagateIngress(this DomainMappingStatus status, IngressStatus ingress, DateTimeOffset now)
    {
        var ready = ConditionSet.Get(ingress.Conditions, "Ready");
        return ready?.Status switch
        {
            null => status.MarkIngressNotConfigured(now),
            ConditionStatus.True => status.True(IngressReady, now),
            ConditionStatus.False => status.False(IngressReady, ready.Reason, ready.Message, now),
            _ => status.Unknown(IngressReady, ready.Reason, ready.Message, now),
        };
    }

    private static DomainMappingStatus True(this DomainMappingStatus status, string type, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkTrue(status.Conditions, type, now) };

    private static DomainMappingStatus TrueWithReason(this DomainMappingStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkTrueWithReason(status.Conditions, type, reason, message, now) };

    private static DomainMappingStatus False(this DomainMappingStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkFalse(status.Conditions, type, reason, message, now) };

    private static DomainMappingStatus Unknown(this DomainMappingStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkUnknown(status.Conditions, type, reason, message, now) };
}

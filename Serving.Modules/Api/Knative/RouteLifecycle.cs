using Serving.Api.Networking;

namespace Serving.Api.Knative;

/// <summary>The state machine of a Route's conditions.</summary>
public static class RouteLifecycle
{
    public const string Ready = "Ready";
    public const string AllTrafficAssigned = "AllTrafficAssigned";
    public const string IngressReady = "IngressReady";
    public const string CertificateProvisioned = "CertificateProvisioned";

    /// <summary>Why there is no certificate: external domains are not served by TLS.</summary>
    public const string ExternalDomainTlsNotEnabled = "external-domain-tls is not enabled";

    /// <summary>Why there is no certificate: the Route has no external domain.</summary>
    public const string TlsNotEnabledForClusterLocal = "TLS is not enabled for cluster-local";

    /// <summary>The conditions of a Route.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, AllTrafficAssigned, IngressReady, CertificateProvisioned);

    /// <summary>Whether the latest specification was seen and is served.</summary>
    public static bool IsReady(this Route route)
        => route.Status.ObservedGeneration == route.Metadata.Generation && Conditions.IsHappy(route.Status.Conditions);

    /// <summary>Whether the latest specification was seen and cannot be served.</summary>
    public static bool IsFailed(this Route route)
        => route.Status.ObservedGeneration == route.Metadata.Generation && ConditionSet.IsFalse(route.Status.Conditions, Ready);

    public static RouteStatus MarkServiceNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(IngressReady, "NotOwned", $"There is an existing placeholder Service \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    public static RouteStatus MarkEndpointNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(IngressReady, "NotOwned", $"There is an existing placeholder Endpoint \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>An Ingress of that name belongs to somebody else.</summary>
    public static RouteStatus MarkIngressNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "")
        => status.MarkIngressFailed("NotOwned", $"There is an existing Ingress \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>What leads traffic to the Route cannot be had.</summary>
    public static RouteStatus MarkIngressFailed(this RouteStatus status, string reason, string message, DateTimeOffset now)
        => status.False(IngressReady, reason, message, now);

    public static RouteStatus MarkIngressRolloutInProgress(this RouteStatus status, DateTimeOffset now)
        => status.Unknown(IngressReady, "RolloutInProgress", "A gradual rollout of the latest revision(s) is in progress.", now);

    public static RouteStatus MarkIngressNotConfigured(this RouteStatus status, DateTimeOffset now)
        => status.Unknown(IngressReady, "IngressNotConfigured", "Ingress has not yet been reconciled.", now);

    public static RouteStatus MarkTrafficAssigned(this RouteStatus status, DateTimeOffset now) => status.True(AllTrafficAssigned, now);

    public static RouteStatus MarkUnknownTrafficError(this RouteStatus status, string message, DateTimeOffset now)
        => status.Unknown(AllTrafficAssigned, "Unknown", message, now);

    public static RouteStatus MarkRevisionTargetTrafficError(this RouteStatus status, string reason, string message, DateTimeOffset now)
        => status.False(AllTrafficAssigned, reason, message, now);

    public static RouteStatus MarkConfigurationNotReady(this RouteStatus status, string name, DateTimeOffset now)
        => status.Unknown(AllTrafficAssigned, "RevisionMissing", $"Configuration \"{name}\" is waiting for a Revision to become ready.", now);

    public static RouteStatus MarkConfigurationFailed(this RouteStatus status, string name, DateTimeOffset now)
        => status.False(AllTrafficAssigned, "RevisionMissing", $"Configuration \"{name}\" does not have any ready Revision.", now);

    public static RouteStatus MarkRevisionNotReady(this RouteStatus status, string name, DateTimeOffset now)
        => status.Unknown(AllTrafficAssigned, "RevisionMissing", $"Revision \"{name}\" is not yet ready.", now);

    public static RouteStatus MarkRevisionFailed(this RouteStatus status, string name, DateTimeOffset now)
        => status.False(AllTrafficAssigned, "RevisionMissing", $"Revision \"{name}\" failed to become ready.", now);

    /// <summary>The Revision belongs to another Service, or to none (<paramref name="actualService"/> empty).</summary>
    public static RouteStatus MarkRevisionNotOwned(
        this RouteStatus status, string revision, string expectedService, string actualService, DateTimeOffset now)
        => status.False(
            AllTrafficAssigned,
            "RevisionNotOwned",
            actualService.Length == 0
                ? $"Revision \"{revision}\" does not belong to Service \"{expectedService}\"."
                : $"Revision \"{revision}\" belongs to Service \"{actualService}\", not Service \"{expectedService}\".",
            now);

    /// <summary>A Configuration or Revision (<paramref name="kind"/>) that traffic refers to does not exist.</summary>
    public static RouteStatus MarkMissingTrafficTarget(this RouteStatus status, string kind, string name, DateTimeOffset now)
        => status.False(AllTrafficAssigned, kind + "Missing", $"{kind} \"{name}\" referenced in traffic not found.", now);

    public static RouteStatus MarkCertificateProvisionFailed(this RouteStatus status, Certificate certificate, DateTimeOffset now)
        => status.MarkCertificateProvisionFailed(certificate.Metadata.Name, ReasonOf(certificate), now);

    /// <summary>The certificate cannot be had, for this reason.</summary>
    public static RouteStatus MarkCertificateProvisionFailed(this RouteStatus status, string name, string reason, DateTimeOffset now)
        => status.False(CertificateProvisioned, "CertificateProvisionFailed", $"Certificate {name} fails to be provisioned: {reason}", now);

    public static RouteStatus MarkCertificateReady(this RouteStatus status, DateTimeOffset now) => status.True(CertificateProvisioned, now);

    public static RouteStatus MarkCertificateNotReady(this RouteStatus status, Certificate certificate, DateTimeOffset now)
        => status.Unknown(
            CertificateProvisioned, "CertificateNotReady", $"Certificate {certificate.Metadata.Name} is not ready: {ReasonOf(certificate)}", now);

    public static RouteStatus MarkCertificateNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "")
        => status.False(CertificateProvisioned, "CertificateNotOwned", $"There is an existing certificate {name} that we don't own.{ConditionSet.Detail(holder)}", now);

    public static RouteStatus MarkTlsNotEnabled(this RouteStatus status, string message, DateTimeOffset now)
        => status.TrueWithReason(CertificateProvisioned, "TLSNotEnabled", message, now);

    /// <summary>The certificate is not there yet; until then plain HTTP is served.</summary>
    public static RouteStatus MarkHttpDowngrade(this RouteStatus status, string name, DateTimeOffset now)
        => status.TrueWithReason(CertificateProvisioned, "HTTPDowngrade", $"Certificate {name} is not ready downgrade HTTP.", now);

    /// <summary>Takes over whether the Ingress is ready.</summary>
    public static RouteStatus PropagateIngress(this RouteStatus status, IngressStatus ingress, DateTimeOffset now)
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

    private static string ReasonOf(Certificate certificate) => ConditionSet.Get(certificate.Status.Conditions, "Ready")?.Reason ?? "";

    private static RouteStatus True(this RouteStatus status, string type, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkTrue(status.Conditions, type, now) };

    private static RouteStatus TrueWithReason(this RouteStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkTrueWithReason(status.Conditions, type, reason, message, now) };

    private static RouteStatus False(this RouteStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkFalse(status.Conditions, type, reason, message, now) };

    private static RouteStatus Unknown(this RouteStatus status, string type, string reason, string message, DateTimeOffset now)
        => status with { Conditions = Conditions.MarkUnknown(status.Conditions, type, reason, message, now) };
}

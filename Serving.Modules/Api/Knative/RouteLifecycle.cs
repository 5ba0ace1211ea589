using Serving.Api.Conditions;
using Serving.Api.Networking;

namespace Serving.Api.Knative;

/// <summary>The conditions of a Route.</summary>
public static class RouteLifecycle
{
    public const string Ready = "Ready";
    public const string AllTrafficAssigned = "AllTrafficAssigned";
    public const string IngressReady = IngressConditions.IngressReady;
    public const string CertificateProvisioned = IngressConditions.CertificateProvisioned;

    /// <summary>Why there is no certificate: TLS is disabled for external domains.</summary>
    public const string ExternalDomainTlsNotEnabled = "external-domain-tls is not enabled";

    /// <summary>Why there is no certificate: the Route has no external domain.</summary>
    public const string TlsNotEnabledForClusterLocal = "TLS is not enabled for cluster-local";

    /// <summary>The conditions of a Route.</summary>
    public static ConditionSet Conditions { get; } = new(Ready, AllTrafficAssigned, IngressReady, CertificateProvisioned);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(this Route route) =>
        route.Status.ObservedGeneration == route.Metadata.Generation && Conditions.IsHappy(route.Status.Conditions);

    /// <summary>Whether the status is of the newest generation and Ready is False.</summary>
    public static bool IsFailed(this Route route) =>
        route.Status.ObservedGeneration == route.Metadata.Generation && ConditionSet.IsFalse(route.Status.Conditions, Ready);

    public static RouteStatus MarkServiceNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "") =>
        status.False(
            IngressReady,
            "NotOwned",
            $"There is an existing placeholder Service \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    public static RouteStatus MarkEndpointNotOwned(this RouteStatus status, string name, DateTimeOffset now, string holder = "") =>
        status.False(
            IngressReady,
            "NotOwned",
            $"There is an existing placeholder Endpoint \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    public static RouteStatus MarkIngressRolloutInProgress(this RouteStatus status, DateTimeOffset now) =>
        status.Unknown(IngressReady, "RolloutInProgress", "A gradual rollout of the latest revision(s) is in progress.", now);

    public static RouteStatus MarkTrafficAssigned(this RouteStatus status, DateTimeOffset now) => status.True(AllTrafficAssigned, now);

    public static RouteStatus MarkUnknownTrafficError(this RouteStatus status, string message, DateTimeOffset now) =>
        status.Unknown(AllTrafficAssigned, "Unknown", message, now);

    public static RouteStatus MarkRevisionTargetTrafficError(this RouteStatus status, string reason, string message, DateTimeOffset now) =>
        status.False(AllTrafficAssigned, reason, message, now);

    public static RouteStatus MarkConfigurationNotReady(this RouteStatus status, string name, DateTimeOffset now) =>
        status.Unknown(AllTrafficAssigned, "RevisionMissing", $"Configuration \"{name}\" is waiting for a Revision to become ready.", now);

    public static RouteStatus MarkConfigurationFailed(this RouteStatus status, string name, DateTimeOffset now) =>
        status.False(AllTrafficAssigned, "RevisionMissing", $"Configuration \"{name}\" does not have any ready Revision.", now);

    public static RouteStatus MarkRevisionNotReady(this RouteStatus status, string name, DateTimeOffset now) =>
        status.Unknown(AllTrafficAssigned, "RevisionMissing", $"Revision \"{name}\" is not yet ready.", now);

    public static RouteStatus MarkRevisionFailed(this RouteStatus status, string name, DateTimeOffset now) =>
        status.False(AllTrafficAssigned, "RevisionMissing", $"Revision \"{name}\" failed to become ready.", now);

    /// <summary>The Revision belongs to another Service, or to none (<paramref name="actualService"/> empty).</summary>
    public static RouteStatus MarkRevisionNotOwned(
        this RouteStatus status,
        string revision,
        string expectedService,
        string actualService,
        DateTimeOffset now
    ) =>
        status.False(
            AllTrafficAssigned,
            "RevisionNotOwned",
            actualService.Length == 0
                ? $"Revision \"{revision}\" does not belong to Service \"{expectedService}\"."
                : $"Revision \"{revision}\" belongs to Service \"{actualService}\", not Service \"{expectedService}\".",
            now
        );

    /// <summary>A Configuration or Revision (<paramref name="kind"/>) that traffic refers to does not exist.</summary>
    public static RouteStatus MarkMissingTrafficTarget(this RouteStatus status, string kind, string name, DateTimeOffset now) =>
        status.False(AllTrafficAssigned, kind + "Missing", $"{kind} \"{name}\" referenced in traffic not found.", now);

    public static RouteStatus MarkCertificateProvisionFailed(this RouteStatus status, Certificate certificate, DateTimeOffset now) =>
        status.MarkCertificateProvisionFailed(certificate.Metadata.Name, ReasonOf(certificate), now);

    /// <summary>Provisioning the certificate failed, for this reason.</summary>
    public static RouteStatus MarkCertificateProvisionFailed(this RouteStatus status, string name, string reason, DateTimeOffset now) =>
        status.False(CertificateProvisioned, "CertificateProvisionFailed", $"Certificate {name} fails to be provisioned: {reason}", now);

    public static RouteStatus MarkCertificateNotReady(this RouteStatus status, Certificate certificate, DateTimeOffset now) =>
        status.Unknown(
            CertificateProvisioned,
            "CertificateNotReady",
            $"Certificate {certificate.Metadata.Name} is not ready: {ReasonOf(certificate)}",
            now
        );

    private static string ReasonOf(Certificate certificate) => ConditionSet.Get(certificate.Status.Conditions, "Ready")?.Reason ?? "";
}

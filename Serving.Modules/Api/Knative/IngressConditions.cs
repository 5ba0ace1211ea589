using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;

namespace Serving.Api.Knative;

/// <summary>The status of a kind that is routed by an Ingress with a certificate.</summary>
public interface IRoutedStatus
{
    /// <summary>The conditions of the kind.</summary>
    internal static abstract ConditionSet Set { get; }
}

/// <summary>The conditions shared by Route and DomainMapping.</summary>
public static class IngressConditions
{
    public const string IngressReady = "IngressReady";
    public const string CertificateProvisioned = "CertificateProvisioned";

    /// <summary>An Ingress with that name exists that we do not own.</summary>
    public static TStatus MarkIngressNotOwned<TStatus>(this TStatus status, string name, DateTimeOffset now, string holder = "")
        where TStatus : KnativeStatus, IRoutedStatus =>
        status.MarkIngressFailed(
            "NotOwned",
            $"There is an existing Ingress \"{name}\" that we do not own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>The Ingress failed.</summary>
    public static TStatus MarkIngressFailed<TStatus>(this TStatus status, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus => status.False(IngressReady, reason, message, now);

    /// <summary>The Ingress is not written yet, or its network layer has not seen its newest version.</summary>
    /// <param name="status">The status.</param>
    /// <param name="now">The time of a change.</param>
    /// <param name="ingress">The Ingress, whose class says what it waits for; null while it is not written.</param>
    public static TStatus MarkIngressNotConfigured<TStatus>(this TStatus status, DateTimeOffset now, Ingress? ingress = null)
        where TStatus : KnativeStatus, IRoutedStatus
    {
        var layer = ingress is null ? null : NetworkingKeys.IngressClass.Value(ingress.Metadata.Annotations);
        var awaited = string.IsNullOrEmpty(layer) ? "" : $" It waits for the controller of the ingress class \"{layer}\".";
        return status.Unknown(IngressReady, "IngressNotConfigured", $"Ingress has not yet been reconciled.{awaited}", now);
    }

    /// <summary>Copies the readiness of the Ingress.</summary>
    public static TStatus PropagateIngress<TStatus>(this TStatus status, Ingress ingress, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
    {
        ArgumentNullException.ThrowIfNull(ingress);
        var ready = ConditionSet.Get(ingress.Status.Conditions, "Ready");
        return ready?.Status switch
        {
            null => status.MarkIngressNotConfigured(now, ingress),
            ConditionStatus.True => status.True(IngressReady, now),
            ConditionStatus.False => status.False(IngressReady, ready.Reason, ready.Message, now),
            _ => status.Unknown(IngressReady, ready.Reason, ready.Message, now),
        };
    }

    public static TStatus MarkTlsNotEnabled<TStatus>(this TStatus status, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus => status.TrueWithReason(CertificateProvisioned, "TLSNotEnabled", message, now);

    public static TStatus MarkCertificateReady<TStatus>(this TStatus status, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus => status.True(CertificateProvisioned, now);

    public static TStatus MarkCertificateNotOwned<TStatus>(this TStatus status, string name, DateTimeOffset now, string holder = "")
        where TStatus : KnativeStatus, IRoutedStatus =>
        status.False(
            CertificateProvisioned,
            "CertificateNotOwned",
            $"There is an existing certificate {name} that we don't own.{ConditionSet.Detail(holder)}",
            now
        );

    /// <summary>The certificate is not ready; until then plain HTTP is served.</summary>
    public static TStatus MarkHttpDowngrade<TStatus>(this TStatus status, string name, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus =>
        status.TrueWithReason(CertificateProvisioned, "HTTPDowngrade", $"Certificate {name} is not ready downgrade HTTP.", now);

    internal static TStatus True<TStatus>(this TStatus status, string type, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus => status with { Conditions = TStatus.Set.MarkTrue(status.Conditions, type, now) };

    internal static TStatus TrueWithReason<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus =>
        status with
        {
            Conditions = TStatus.Set.MarkTrueWithReason(status.Conditions, type, reason, message, now),
        };

    internal static TStatus False<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus =>
        status with
        {
            Conditions = TStatus.Set.MarkFalse(status.Conditions, type, reason, message, now),
        };

    internal static TStatus Unknown<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus =>
        status with
        {
            Conditions = TStatus.Set.MarkUnknown(status.Conditions, type, reason, message, now),
        };
}

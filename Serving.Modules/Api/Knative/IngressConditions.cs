using Serving.Api.Core;
using Serving.Api.Networking;

namespace Serving.Api.Knative;

/// <summary>The status of a kind that an Ingress, and a certificate for it, lead traffic to.</summary>
public interface IRoutedStatus
{
    /// <summary>The conditions of the kind.</summary>
    internal static abstract ConditionSet Set { get; }
}

/// <summary>The conditions that Route and DomainMapping share, in the same words.</summary>
public static class IngressConditions
{
    public const string IngressReady = "IngressReady";
    public const string CertificateProvisioned = "CertificateProvisioned";

    /// <summary>An Ingress of that name belongs to somebody else.</summary>
    public static TStatus MarkIngressNotOwned<TStatus>(this TStatus status, string name, DateTimeOffset now, string holder = "")
        where TStatus : KnativeStatus, IRoutedStatus
        => status.MarkIngressFailed("NotOwned", $"There is an existing Ingress \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>What leads traffic to the object cannot be had.</summary>
    public static TStatus MarkIngressFailed<TStatus>(this TStatus status, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status.False(IngressReady, reason, message, now);

    public static TStatus MarkIngressNotConfigured<TStatus>(this TStatus status, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status.Unknown(IngressReady, "IngressNotConfigured", "Ingress has not yet been reconciled.", now);

    /// <summary>Takes over whether the Ingress is ready.</summary>
    public static TStatus PropagateIngress<TStatus>(this TStatus status, IngressStatus ingress, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
    {
        ArgumentNullException.ThrowIfNull(ingress);
        var ready = ConditionSet.Get(ingress.Conditions, "Ready");
        return ready?.Status switch
        {
            null => status.MarkIngressNotConfigured(now),
            ConditionStatus.True => status.True(IngressReady, now),
            ConditionStatus.False => status.False(IngressReady, ready.Reason, ready.Message, now),
            _ => status.Unknown(IngressReady, ready.Reason, ready.Message, now),
        };
    }

    public static TStatus MarkTlsNotEnabled<TStatus>(this TStatus status, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status.TrueWithReason(CertificateProvisioned, "TLSNotEnabled", message, now);

    public static TStatus MarkCertificateReady<TStatus>(this TStatus status, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status.True(CertificateProvisioned, now);

    public static TStatus MarkCertificateNotOwned<TStatus>(this TStatus status, string name, DateTimeOffset now, string holder = "")
        where TStatus : KnativeStatus, IRoutedStatus
        => status.False(CertificateProvisioned, "CertificateNotOwned", $"There is an existing certificate {name} that we don't own.{ConditionSet.Detail(holder)}", now);

    /// <summary>The certificate is not there yet; until then plain HTTP is served.</summary>
    public static TStatus MarkHttpDowngrade<TStatus>(this TStatus status, string name, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status.TrueWithReason(CertificateProvisioned, "HTTPDowngrade", $"Certificate {name} is not ready downgrade HTTP.", now);

    internal static TStatus True<TStatus>(this TStatus status, string type, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status with { Conditions = TStatus.Set.MarkTrue(status.Conditions, type, now) };

    internal static TStatus TrueWithReason<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status with { Conditions = TStatus.Set.MarkTrueWithReason(status.Conditions, type, reason, message, now) };

    internal static TStatus False<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status with { Conditions = TStatus.Set.MarkFalse(status.Conditions, type, reason, message, now) };

    internal static TStatus Unknown<TStatus>(this TStatus status, string type, string reason, string message, DateTimeOffset now)
        where TStatus : KnativeStatus, IRoutedStatus
        => status with { Conditions = TStatus.Set.MarkUnknown(status.Conditions, type, reason, message, now) };
}

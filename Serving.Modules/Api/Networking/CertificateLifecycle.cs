using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>The conditions of a Certificate: Ready when the certificate is in its Secret and valid.</summary>
public static class CertificateLifecycle
{
    public const string Ready = "Ready";

    /// <summary>Independent of Ready: the certificate is being renewed, and there may be challenges meanwhile.</summary>
    public const string Renewing = "Renewing";

    /// <summary>The set of conditions.</summary>
    public static ConditionSet Conditions { get; } = new(Ready);

    /// <summary>Whether the status is of the newest generation and Ready is True.</summary>
    public static bool IsReady(Certificate certificate) =>
        IsObserved(certificate) && ConditionSet.IsTrue(certificate.Status.Conditions, Ready);

    /// <summary>Whether the status is of the newest generation and Ready is False.</summary>
    public static bool IsFailed(Certificate certificate) =>
        IsObserved(certificate) && ConditionSet.IsFalse(certificate.Status.Conditions, Ready);

    public static CertificateStatus Initialize(CertificateStatus status, DateTimeOffset now) =>
        With(status, Conditions.Initialize(Of(status), now));

    public static CertificateStatus MarkReady(CertificateStatus status, DateTimeOffset now) =>
        With(status, Conditions.MarkTrue(Of(status), Ready, now));

    /// <summary>The certificate is being issued.</summary>
    public static CertificateStatus MarkNotReady(CertificateStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkUnknown(Of(status), Ready, reason, message, now));

    /// <summary>Issuing the certificate failed, and needs a change.</summary>
    public static CertificateStatus MarkFailed(CertificateStatus status, string reason, string message, DateTimeOffset now) =>
        With(status, Conditions.MarkFalse(Of(status), Ready, reason, message, now));

    /// <summary>An object with a name that we need exists but is not ours.</summary>
    public static CertificateStatus MarkResourceNotOwned(
        CertificateStatus status,
        string kind,
        string name,
        DateTimeOffset now,
        string holder = ""
    ) => MarkFailed(status, "NotOwned", $"There is an existing {kind} \"{name}\" that we do not own.{ConditionSet.Detail(holder)}", now);

    /// <summary>The certificate remains valid while it is renewed.</summary>
    public static CertificateStatus MarkRenewing(CertificateStatus status, DateTimeOffset now)
    {
        var conditions = Of(status);
        return ConditionSet.IsTrue(conditions, Renewing)
            ? status
            : With(
                status,
                [
                    .. conditions
                        .Where(static condition => condition.Type != Renewing)
                        .Append(
                            new Condition
                            {
                                Type = Renewing,
                                Status = ConditionStatus.True,
                                LastTransitionTime = now,
                            }
                        )
                        .OrderBy(static condition => condition.Type, StringComparer.Ordinal),
                ]
            );
    }

    /// <summary>The renewal is complete.</summary>
    public static CertificateStatus ClearRenewing(CertificateStatus status) => With(status, Conditions.Clear(Of(status), Renewing));

    private static bool IsObserved(Certificate certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        return (certificate.Status.ObservedGeneration ?? 0) == (certificate.Metadata.Generation ?? 0);
    }

    private static IReadOnlyList<Condition> Of(CertificateStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return status.Conditions;
    }

    private static CertificateStatus With(CertificateStatus status, IReadOnlyList<Condition> conditions) =>
        status with
        {
            Conditions = conditions,
        };
}

using Serving.Api;
using Serving.Api.CertManager;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Networking;
using Serving.Controller.CertManager.Resources;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using CertificatePass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Networking.Certificate,
    Serving.Api.Networking.CertificateStatus
>;

namespace Serving.Controller.CertManager;

/// <summary>Creates cert-manager Certificates for Certificates, and reports their progress in the status.</summary>
internal sealed class CertManagerReconciler(
    ILister<Certificate> certificates,
    HttpChallenges challenges,
    Func<ConfigSnapshot> config,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Certificate, CertificateStatus>(ApiResources.Certificates, certificates, CertificateLifecycle.Conditions, events, time)
{
    private const string KindInConditions = "CertManagerCertificate";
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    public override string Name => "certificate";

    /// <summary>Cert-manager's Certificates.</summary>
    public ILister<CertManagerCertificate>? Made { get; set; }

    protected override CertificateStatus Blocked(CertificateStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => CertificateLifecycle.MarkResourceNotOwned(
                status,
                KindInConditions,
                child.Key.Name,
                now,
                taken.Holder
            ),
            ChildRefusedException refused => CertificateLifecycle.MarkFailed(
                status,
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    protected override async Task ReconcileAsync(CertificatePass pass, CancellationToken cancellation)
    {
        var (wanted, problem) = CertManagerCertificateMaker.Make(config().CertManager, pass.Object);
        if (wanted is null)
        {
            if (ConditionSet.Get(pass.Object.Status.Conditions, CertificateLifecycle.Ready)?.Message != problem!.Message)
            {
                Events.Warning(pass.Object, "InternalError", problem.Message);
            }

            // Only a change of the specification or the configuration helps, and both enqueue the key again.
            pass.Status = CertificateLifecycle.MarkFailed(pass.Status, problem.Reason, problem.Message, pass.Now);
            return;
        }

        try
        {
            var made = await EnsureAsync(pass, wanted, cancellation);
            pass.Status = pass.Status with { NotAfter = made.Status.NotAfter };
            await PropagateAsync(pass, made, cancellation);
        }
        catch (Exception error) when (error is KubernetesException or ChallengeException)
        {
            if (!ConditionSet.IsFalse(pass.Status.Conditions, CertificateLifecycle.Ready))
            {
                pass.Status = CertificateLifecycle.MarkNotReady(
                    pass.Status,
                    "ReconcileFailed",
                    "Cert-Manager certificate has not yet been reconciled.",
                    pass.Now
                );
            }

            throw;
        }
    }

    private async Task<CertManagerCertificate> EnsureAsync(
        CertificatePass pass,
        CertManagerCertificate wanted,
        CancellationToken cancellation
    )
    {
        var (ns, name) = (wanted.Metadata.Namespace, wanted.Metadata.Name);
        var child = await pass.EnsureAsync(
            CertManagerResources.Certificates,
            Made!.Get(ns, name),
            wanted,
            static (existing, wanted) =>
                ApiEquality.Covers(existing.Spec, wanted.Spec) ? existing : existing with { Spec = wanted.Spec.Keeping(existing.Spec) },
            cancellation,
            new ChildEvents(Events, $"Cert-Manager Certificate {ns}/{name}")
            {
                NotCreated = $"Cert-Manager Certificate {name}/{ns}",
                ReportsUpdates = true,
                NotUpdated = $"create Cert-Manager Certificate {ns}/{name}",
            }
        );
        return child.Object;
    }

    private async Task PropagateAsync(CertificatePass pass, CertManagerCertificate made, CancellationToken cancellation)
    {
        switch (ConditionSet.Get(made.Status.Conditions, CertificateLifecycle.Ready))
        {
            case { Status: ConditionStatus.True } when made.Status.RenewalTime < pass.Now:
                // The old certificate stays in use, but the authority must reach the challenge of the new one.
                pass.Status = CertificateLifecycle.MarkRenewing(pass.Status, pass.Now);
                break;
            case { Status: ConditionStatus.True }:
                pass.Status = CertificateLifecycle.MarkReady(CertificateLifecycle.ClearRenewing(pass.Status), pass.Now) with
                {
                    Http01Challenges = [],
                };
                if (made.Status.RenewalTime is { } renewal)
                {
                    pass.LookAgain(TimeSpan.FromTicks(Math.Min((renewal - pass.Now).Ticks + TimeSpan.TicksPerSecond, LongestWait.Ticks)));
                }

                return;
            case { Status: ConditionStatus.False, Reason: not ("InProgress" or "Pending" or "TemporaryCertificate") } failed:
                pass.Status = CertificateLifecycle.MarkFailed(pass.Status, failed.Reason, failed.Message, pass.Now);
                break;
            case { } pending:
                pass.Status = CertificateLifecycle.MarkNotReady(pass.Status, pending.Reason, pending.Message, pass.Now);
                break;
            default:
                pass.Status = CertificateLifecycle.MarkNotReady(
                    pass.Status,
                    "NoCertManagerCertCondition",
                    "The ready condition of Cert Manager Certificate does not exist.",
                    pass.Now
                );
                break;
        }

        if (await challenges.FindAsync(pass.Object, made, pass.Client, cancellation) is { } open)
        {
            pass.Status = pass.Status with { Http01Challenges = open };
        }
    }
}

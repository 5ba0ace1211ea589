using Serving.Api;
using Serving.Api.CertManager;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Controller.CertManager.Resources;
using Serving.Controller.Common;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using CertificateWork = Serving.Controller.Common.Work<Serving.Api.Networking.Certificate, Serving.Api.Networking.CertificateStatus>;

namespace Serving.Controller.CertManager;

/// <summary>Has cert-manager make what a Certificate asks for, and says in its status how far that is.</summary>
internal sealed class CertManagerReconciler(
    ILister<Certificate> certificates, HttpChallenges challenges, Func<ConfigSnapshot> config, IEventRecorder events, TimeProvider time)
    : StatusReconciler<Certificate, CertificateStatus>(ApiResources.Certificates, certificates, CertificateLifecycle.Conditions, events, time)
{
    private const string KindInConditions = "CertManagerCertificate";
    private static readonly TimeSpan LongestWait = TimeSpan.FromDays(1);

    public override string Name => "certificate";

    /// <summary>Cert-manager's Certificates.</summary>
    public ILister<CertManagerCertificate>? Made { get; set; }

    protected override CertificateStatus StatusOf(Certificate resource) => resource.Status;

    protected override Certificate WithStatus(Certificate resource, CertificateStatus status) => resource with { Status = status };

    protected override CertificateStatus WithConditions(CertificateStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override CertificateStatus Blocked(CertificateStatus status, ChildException child, DateTimeOffset now) => child switch
    {
        NotOwnedException taken => CertificateLifecycle.MarkResourceNotOwned(status, KindInConditions, child.Key.Name, now, taken.Holder),
        ChildRefusedException refused => CertificateLifecycle.MarkFailed(status, ChildRefusedException.Reason, refused.ConditionMessage, now),
        _ => status,
    };

    protected override async Task<Reconcile> ReconcileAsync(CertificateWork work, CancellationToken cancellation)
    {
        var (wanted, problem) = CertManagerCertificateMaker.Make(config().CertManager, work.Resource);
        if (wanted is null)
        {
            if (ConditionSet.Get(work.Resource.Status.Conditions, CertificateLifecycle.Ready)?.Message != problem!.Message)
            {
                Events.Warning(work.Resource, "InternalError", problem.Message);
            }

            // Nothing but another specification or configuration helps, and both bring us back.
            work.Status = CertificateLifecycle.MarkFailed(work.Status, problem.Reason, problem.Message, work.Now);
            return Reconcile.Done;
        }

        try
        {
            var made = await EnsureAsync(work, wanted, cancellation).ConfigureAwait(false);
            work.Status = work.Status with { NotAfter = made.Status.NotAfter };
            return await PropagateAsync(work, made, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is KubernetesException or ChallengeException)
        {
            if (!ConditionSet.IsFalse(work.Status.Conditions, CertificateLifecycle.Ready))
            {
                work.Status = CertificateLifecycle.MarkNotReady(
                    work.Status, "ReconcileFailed", "Cert-Manager certificate has not yet been reconciled.", work.Now);
            }

            throw;
        }
    }

    private async Task<CertManagerCertificate> EnsureAsync(CertificateWork work, CertManagerCertificate wanted, CancellationToken cancellation)
    {
        var (ns, name) = (wanted.Metadata.Namespace, wanted.Metadata.Name);
        if (Made!.Get(ns, name) is not { } existing)
        {
            try
            {
                var (created, isNew) = await ChildObjects.CreateAsync(work.Client, CertManagerResources.Certificates, wanted, work.Resource, cancellation).ConfigureAwait(false);
                if (!isNew)
                {
                    return created;
                }

                Events.Normal(work.Resource, "Created", $"Created Cert-Manager Certificate {ns}/{name}");
                return created;
            }
            catch (ChildRefusedException error)
            {
                Events.Warning(work.Resource, "CreationFailed", $"Failed to create Cert-Manager Certificate {name}/{ns}: {error.Refusal.Message}");
                throw;
            }
        }

        ChildObjects.EnsureOwned(CertManagerResources.Certificates, existing, work.Resource);
        if (ApiEquality.Covers(existing.Spec, wanted.Spec))
        {
            return existing;
        }

        try
        {
            var updated = await work.Client.UpdateAsync(
                CertManagerResources.Certificates, existing with { Spec = wanted.Spec.Keeping(existing.Spec) }, cancellation).ConfigureAwait(false);
            Events.Normal(work.Resource, "Updated", $"Updated Spec for Cert-Manager Certificate {ns}/{name}");
            return updated;
        }
        catch (KubernetesException error) when (!error.IsConflict)
        {
            Events.Warning(work.Resource, "UpdateFailed", $"Failed to create Cert-Manager Certificate {ns}/{name}: {error.Message}");
            throw;
        }
    }

    private async Task<Reconcile> PropagateAsync(CertificateWork work, CertManagerCertificate made, CancellationToken cancellation)
    {
        switch (ConditionSet.Get(made.Status.Conditions, CertificateLifecycle.Ready))
        {
            case { Status: ConditionStatus.True } when made.Status.RenewalTime < work.Now:
                // The old one serves on, but the authority must reach the challenge of the new one.
                work.Status = CertificateLifecycle.MarkRenewing(work.Status, work.Now);
                break;
            case { Status: ConditionStatus.True }:
                work.Status = CertificateLifecycle.MarkReady(CertificateLifecycle.ClearRenewing(work.Status), work.Now) with { Http01Challenges = [] };
                return made.Status.RenewalTime is { } renewal
                    ? Reconcile.After(TimeSpan.FromTicks(Math.Min((renewal - work.Now).Ticks + TimeSpan.TicksPerSecond, LongestWait.Ticks)))
                    : Reconcile.Done;
            case { Status: ConditionStatus.False, Reason: not ("InProgress" or "Pending" or "TemporaryCertificate") } failed:
                work.Status = CertificateLifecycle.MarkFailed(work.Status, failed.Reason, failed.Message, work.Now);
                break;
            case { } pending:
                work.Status = CertificateLifecycle.MarkNotReady(work.Status, pending.Reason, pending.Message, work.Now);
                break;
            default:
                work.Status = CertificateLifecycle.MarkNotReady(
                    work.Status, "NoCertManagerCertCondition", "The ready condition of Cert Manager Certificate does not exist.", work.Now);
                break;
        }

        if (await challenges.FindAsync(work.Resource, made, work.Client, cancellation).ConfigureAwait(false) is { } open)
        {
            work.Status = work.Status with { Http01Challenges = open };
        }

        return Reconcile.Done;
    }
}

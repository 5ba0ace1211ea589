using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Resources;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using RevisionWork = Serving.Controller.Common.Work<Serving.Api.Knative.Revision, Serving.Api.Knative.RevisionStatus>;

namespace Serving.Controller.Revisions;

/// <summary>Where the Revision reconciler reads.</summary>
internal sealed record RevisionListers(
    ILister<Revision> Revisions,
    ILister<Deployment> Deployments,
    ILister<PodAutoscaler> PodAutoscalers,
    ILister<Image> Images,
    ILister<Pod> Pods,
    ILister<Certificate> Certificates);

/// <summary>Gives every Revision its Deployment, PodAutoscaler and image cache entries in one pass, and says in its status how they are.</summary>
internal sealed class RevisionReconciler(
    RevisionListers listers,
    DigestResolution digests,
    Func<ConfigSnapshot> config,
    string systemNamespace,
    IEventRecorder events,
    TimeProvider time)
    : StatusReconciler<Revision, RevisionStatus>(ApiResources.Revisions, listers.Revisions, RevisionLifecycle.Conditions, events, time)
{
    private readonly QueueProxyCertificates certificates = new(listers.Certificates, events);

    public override string Name => "revision";

    protected override RevisionStatus StatusOf(Revision resource) => resource.Status;

    protected override Revision WithStatus(Revision resource, RevisionStatus status) => resource with { Status = status };

    protected override RevisionStatus WithConditions(RevisionStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override RevisionStatus Blocked(RevisionStatus status, ChildException child, DateTimeOffset now) => child switch
    {
        NotOwnedException taken => status.MarkResourceNotOwned(child.Kind, child.Key.Name, now, taken.Holder),
        ChildRefusedException refused => status.MarkResourcesAvailableFalse(ChildRefusedException.Reason, refused.ConditionMessage, now),
        _ => status,
    };

    protected override Task GoneAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        digests.Forget(key);
        return Task.CompletedTask;
    }

    protected override async Task<Reconcile> ReconcileAsync(RevisionWork work, CancellationToken cancellation)
    {
        var snapshot = config();
        work.Status = work.Status with
        {
            LogUrl = snapshot.Observability.LoggingRevisionUrlTemplate.Replace("${REVISION_UID}", work.Resource.Metadata.Uid, StringComparison.Ordinal),
        };
        if (!ResolveDigests(work, snapshot.Deployment))
        {
            work.Status = work.Status.MarkResourcesAvailableUnknown(RevisionLifecycle.ResolvingDigests, "", work.Now);
            return Reconcile.Done;
        }

        if (snapshot.Network.SystemInternalTls)
        {
            var certificateClass = NetworkingKeys.CertificateClass.Value(work.Resource.Metadata.Annotations) ?? snapshot.Network.CertificateClass;
            await certificates.EnsureAsync(work.Client, work.Namespace, certificateClass, cancellation).ConfigureAwait(false);
        }

        // Caches of images are a convenience, and a Deployment that cannot be changed still serves: neither keeps the autoscaler from its settings.
        var steps = new StepFailures();
        TimeSpan? again = null;
        var deployment = await steps.TryAsync(
            async () =>
            {
                (var made, again) = await DeploymentAsync(work, snapshot, cancellation).ConfigureAwait(false);
                return made;
            },
            cancellation).ConfigureAwait(false) ?? Owned(work);
        await steps.TryAsync(() => ImagesAsync(work, cancellation), cancellation).ConfigureAwait(false);
        if (deployment is not null)
        {
            await steps.TryAsync(() => PodAutoscalerAsync(work, deployment, snapshot, cancellation), cancellation).ConfigureAwait(false);
        }

        steps.Throw();
        if (!work.Resource.IsReady() && RevisionLifecycle.Conditions.IsHappy(work.Status.Conditions))
        {
            Events.Normal(work.Resource, "RevisionReady", "Revision becomes ready upon all resources being ready");
        }

        return again is { } look ? Reconcile.After(look) : Reconcile.Done;
    }

    private bool ResolveDigests(RevisionWork work, DeploymentConfig deployment)
    {
        var spec = work.Resource.Spec;
        if (work.Status.ContainerStatuses.Count + work.Status.InitContainerStatuses.Count == spec.Containers.Count + spec.InitContainers.Count)
        {
            return true;
        }

        try
        {
            if (digests.Poll(work.Resource, deployment) is not { } result)
            {
                return false;
            }

            work.Status = work.Status with { InitContainerStatuses = result.InitContainers, ContainerStatuses = result.Containers };
            return true;
        }
        catch (DigestException error)
        {
            work.Status = work.Status.MarkContainerHealthyFalse(RevisionLifecycle.ContainerMissing, error.Message, work.Now);
            throw;
        }
    }

    /// <summary>The Revision's Deployment as the cache knows it, if it is the Revision's.</summary>
    private Deployment? Owned(RevisionWork work)
        => listers.Deployments.Get(work.Namespace, ChildNames.Deployment(work.Name)) is { } known && known.IsControlledBy(work.Resource) ? known : null;

    /// <summary>The Deployment, and when to look at its pods again if nothing changes before.</summary>
    private async Task<(Deployment Deployment, TimeSpan? Again)> DeploymentAsync(RevisionWork work, ConfigSnapshot snapshot, CancellationToken cancellation)
    {
        var wanted = Wanted(work, snapshot);
        var name = wanted.Metadata.Name;
        if (listers.Deployments.Get(work.Namespace, name) is not { } existing)
        {
            work.Status = work.Status.MarkResourcesAvailableUnknown(RevisionLifecycle.Deploying, "", work.Now)
                .MarkContainerHealthyUnknown(RevisionLifecycle.Deploying, "", work.Now);
            return ((await ChildObjects.CreateAsync(work.Client, ApiResources.Deployments, wanted, work.Resource, cancellation).ConfigureAwait(false)).Object, null);
        }

        ChildObjects.EnsureOwned(ApiResources.Deployments, existing, work.Resource);
        var again = await ObserveAsync(work, existing, snapshot.Deployment, cancellation).ConfigureAwait(false);
        return DeploymentMaker.Update(existing, wanted) is { } update
            ? (await work.Client.UpdateAsync(ApiResources.Deployments, update, cancellation).ConfigureAwait(false), again)
            : (existing, again);
    }

    private Deployment Wanted(RevisionWork work, ConfigSnapshot snapshot)
    {
        try
        {
            return DeploymentMaker.Make(work.Resource with { Status = work.Status }, snapshot, systemNamespace);
        }
        catch (ProbePortException error)
        {
            work.Status = work.Status.MarkContainerHealthyFalse("ProbePortMissing", error.Message, work.Now);
            throw;
        }
    }

    private async Task<TimeSpan?> ObserveAsync(RevisionWork work, Deployment deployment, DeploymentConfig deploymentConfig, CancellationToken cancellation)
    {
        TimeSpan? again = null;
        work.Status = work.Status.PropagateDeployment(deployment.Status, work.Now);
        if (deployment.Spec?.Replicas > 0 && (deployment.Status?.AvailableReplicas ?? 0) == 0)
        {
            var deadlineExceeded = ConditionSet.Get(deployment.Status?.Conditions ?? [], "Progressing")
                is { Status: ConditionStatus.False, Reason: RevisionLifecycle.ProgressDeadlineExceeded };
            var pods = listers.Pods.ByLabel(work.Namespace, ServingKeys.RevisionUid, work.Resource.Metadata.Uid)
                .Where(pod => pod.Metadata.DeletionTimestamp is null)
                .OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)
                .ToList();
            var said = PodProblems.Apply(work.Status, pods, deadlineExceeded, deploymentConfig, work.Now);
            (work.Status, again) = ReferenceEquals(said, work.Status)
                ? await StartingPods.LookAsync(said, work.Resource, pods, work.Client, work.Now, cancellation).ConfigureAwait(false)
                : (said, null);
            if (deadlineExceeded && work.Status.NotReadyYet() is { Length: > 0 } waiting)
            {
                work.Status = work.Status.MarkResourcesAvailableFalse(RevisionLifecycle.ProgressDeadlineExceeded, waiting, work.Now);
            }
        }

        if (deployment.Status?.ReadyReplicas > 0)
        {
            work.Status = work.Status.MarkContainerHealthyTrue(work.Now);
        }

        return again;
    }

    private async Task ImagesAsync(RevisionWork work, CancellationToken cancellation)
    {
        var containers = work.Status.ContainerStatuses.Zip(work.Resource.Spec.Containers)
            .Concat(work.Status.InitContainerStatuses.Zip(work.Resource.Spec.InitContainers));
        foreach (var (digest, container) in containers)
        {
            var image = ImageCacheMaker.Make(work.Resource, container.Name, digest.ImageDigest.Length > 0 ? digest.ImageDigest : container.Image);
            if (listers.Images.Get(work.Namespace, image.Metadata.Name) is { } existing)
            {
                ChildObjects.EnsureOwned(ApiResources.Images, existing, work.Resource);
                continue;
            }

            await ChildObjects.CreateAsync(work.Client, ApiResources.Images, image, work.Resource, cancellation).ConfigureAwait(false);
        }
    }

    private async Task PodAutoscalerAsync(RevisionWork work, Deployment deployment, ConfigSnapshot snapshot, CancellationToken cancellation)
    {
        PodAutoscaler Wanted() => PodAutoscalerMaker.Make(work.Resource with { Status = work.Status }, deployment, snapshot.Autoscaler.PodAutoscalerClass);

        if (listers.PodAutoscalers.Get(work.Namespace, work.Name) is not { } existing)
        {
            var (created, _) = await ChildObjects.CreateAsync(work.Client, ApiResources.PodAutoscalers, Wanted(), work.Resource, cancellation).ConfigureAwait(false);
            work.Status = work.Status.PropagateAutoscaler(created.Status, work.Now);
            return;
        }

        ChildObjects.EnsureOwned(ApiResources.PodAutoscalers, existing, work.Resource);
        work.Status = work.Status.PropagateAutoscaler(existing.Status, work.Now);
        var wanted = Wanted();
        var result = existing with
        {
            Spec = wanted.Spec.Keeping(existing.Spec),
            Metadata = existing.Metadata with
            {
                Annotations = PodAutoscalerMaker.MergeAnnotations(existing.Metadata.Annotations, wanted.Metadata.Annotations),
            },
        };
        if (!ApiEquality.Same(existing, result))
        {
            await work.Client.UpdateAsync(ApiResources.PodAutoscalers, result, cancellation).ConfigureAwait(false);
        }
    }
}

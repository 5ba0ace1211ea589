using Serving.Api;
using Serving.Api.Autoscaling;
using Serving.Api.Caching;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Resources;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using RevisionPass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Knative.Revision, Serving.Api.Knative.RevisionStatus>;

namespace Serving.Controller.Revisions;

/// <summary>The caches that the Revision reconciler reads.</summary>
internal sealed record RevisionListers(
    ILister<Revision> Revisions,
    ILister<Deployment> Deployments,
    ILister<PodAutoscaler> PodAutoscalers,
    ILister<Image> Images,
    ILister<Pod> Pods,
    ILister<Certificate> Certificates
);

/// <summary>Creates and updates a Revision's Deployment, PodAutoscaler and image cache entries in one pass, and reports them in its
/// status.</summary>
internal sealed class RevisionReconciler(
    RevisionListers listers,
    DigestResolution digests,
    Func<ConfigSnapshot> config,
    string systemNamespace,
    IEventRecorder events,
    TimeProvider time
) : StatusReconciler<Revision, RevisionStatus>(ApiResources.Revisions, listers.Revisions, RevisionLifecycle.Conditions, events, time)
{
    private readonly QueueProxyCertificates _certificates = new(listers.Certificates, events);

    public override string Name => "revision";

    protected override RevisionStatus Blocked(RevisionStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => status.MarkResourceNotOwned(child.Kind, child.Key.Name, now, taken.Holder),
            ChildRefusedException refused => status.MarkResourcesAvailableFalse(
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    protected override void Forget(ObjectKey key) => digests.Forget(key);

    protected override async Task ReconcileAsync(RevisionPass pass, CancellationToken cancellation)
    {
        var snapshot = config();
        pass.Status = pass.Status with
        {
            LogUrl = snapshot.Observability.LoggingRevisionUrlTemplate.Replace(
                "${REVISION_UID}",
                pass.Object.Metadata.Uid,
                StringComparison.Ordinal
            ),
        };
        if (!ResolveDigests(pass, snapshot.Deployment))
        {
            pass.Status = pass.Status.MarkResourcesAvailableUnknown(RevisionLifecycle.ResolvingDigests, "", pass.Now);
            return;
        }

        if (snapshot.Network.SystemInternalTls)
        {
            var certificateClass =
                NetworkingKeys.CertificateClass.Value(pass.Object.Metadata.Annotations) ?? snapshot.Network.CertificateClass;
            await _certificates.EnsureAsync(pass.Client, pass.Namespace, certificateClass, cancellation);
        }

        // Image caches are optional, and a Deployment that cannot be updated still serves: neither must keep the autoscaler from its
        // settings.
        var deployment = await pass.TryAsync(() => DeploymentAsync(pass, snapshot, cancellation), cancellation) ?? Owned(pass);
        await pass.TryAsync(() => ImagesAsync(pass, cancellation), cancellation);
        if (deployment is not null)
        {
            await pass.TryAsync(() => PodAutoscalerAsync(pass, deployment, snapshot, cancellation), cancellation);
        }

        if (pass.Failures.All.Count == 0 && !pass.Object.IsReady() && RevisionLifecycle.Conditions.IsHappy(pass.Status.Conditions))
        {
            Events.Normal(pass.Object, "RevisionReady", "Revision becomes ready upon all resources being ready");
        }
    }

    private bool ResolveDigests(RevisionPass pass, DeploymentConfig deployment)
    {
        var spec = pass.Object.Spec;
        if (
            pass.Status.ContainerStatuses.Count + pass.Status.InitContainerStatuses.Count
            == spec.Containers.Count + spec.InitContainers.Count
        )
        {
            return true;
        }

        try
        {
            if (digests.Poll(pass.Object, deployment) is not { } result)
            {
                return false;
            }

            pass.Status = pass.Status with { InitContainerStatuses = result.InitContainers, ContainerStatuses = result.Containers };
            return true;
        }
        catch (DigestException error)
        {
            pass.Status = pass.Status.MarkContainerHealthyFalse(RevisionLifecycle.ContainerMissing, error.Message, pass.Now);
            throw;
        }
    }

    /// <summary>The cached Deployment of the Revision, if the Revision controls it.</summary>
    private Deployment? Owned(RevisionPass pass) =>
        listers.Deployments.Get(pass.Namespace, ChildNames.Deployment(pass.Name)) is { } known && known.IsControlledBy(pass.Object)
            ? known
            : null;

    private async Task<Deployment> DeploymentAsync(RevisionPass pass, ConfigSnapshot snapshot, CancellationToken cancellation)
    {
        var wanted = Wanted(pass, snapshot);
        var cached = listers.Deployments.Get(pass.Namespace, wanted.Metadata.Name);
        if (cached is null)
        {
            pass.Status = pass
                .Status.MarkResourcesAvailableUnknown(RevisionLifecycle.Deploying, "", pass.Now)
                .MarkContainerHealthyUnknown(RevisionLifecycle.Deploying, "", pass.Now);
        }
        else
        {
            ChildObjects.EnsureOwned(ApiResources.Deployments, cached, pass.Object);
            await ObserveAsync(pass, cached, snapshot.Deployment, cancellation);
        }

        return (
            await pass.EnsureAsync(
                ApiResources.Deployments,
                cached,
                wanted,
                static (existing, wanted) => DeploymentMaker.Update(existing, wanted) ?? existing,
                cancellation
            )
        ).Object;
    }

    private Deployment Wanted(RevisionPass pass, ConfigSnapshot snapshot)
    {
        try
        {
            return DeploymentMaker.Make(pass.Object with { Status = pass.Status }, snapshot, systemNamespace);
        }
        catch (ProbePortException error)
        {
            pass.Status = pass.Status.MarkContainerHealthyFalse("ProbePortMissing", error.Message, pass.Now);
            throw;
        }
    }

    private async Task ObserveAsync(
        RevisionPass pass,
        Deployment deployment,
        DeploymentConfig deploymentConfig,
        CancellationToken cancellation
    )
    {
        pass.Status = pass.Status.PropagateDeployment(deployment.Status, pass.Now);
        if (deployment.Spec?.Replicas > 0 && (deployment.Status?.AvailableReplicas ?? 0) == 0)
        {
            var deadlineExceeded =
                ConditionSet.Get(deployment.Status?.Conditions ?? [], "Progressing") is
                { Status: ConditionStatus.False, Reason: RevisionLifecycle.ProgressDeadlineExceeded };
            var pods = listers
                .Pods.ByLabel(pass.Namespace, ServingKeys.RevisionUid, pass.Object.Metadata.Uid)
                .Where(pod => pod.Metadata.DeletionTimestamp is null)
                .OrderBy(pod => pod.Metadata.Name, StringComparer.Ordinal)
                .ToList();
            var said = PodProblems.Apply(pass.Status, pods, deadlineExceeded, deploymentConfig, pass.Now);
            (pass.Status, var again) = ReferenceEquals(said, pass.Status)
                ? await StartingPods.LookAsync(said, pass.Object, pods, pass.Client, pass.Now, cancellation)
                : (said, null);
            pass.LookAgain(again);
            if (deadlineExceeded && pass.Status.NotReadyYet() is { Length: > 0 } waiting)
            {
                pass.Status = pass.Status.MarkResourcesAvailableFalse(RevisionLifecycle.ProgressDeadlineExceeded, waiting, pass.Now);
            }
        }

        if (deployment.Status?.ReadyReplicas > 0)
        {
            pass.Status = pass.Status.MarkContainerHealthyTrue(pass.Now);
        }
    }

    private async Task ImagesAsync(RevisionPass pass, CancellationToken cancellation)
    {
        var containers = pass
            .Status.ContainerStatuses.Zip(pass.Object.Spec.Containers)
            .Concat(pass.Status.InitContainerStatuses.Zip(pass.Object.Spec.InitContainers));
        foreach (var (digest, container) in containers)
        {
            var image = ImageCacheMaker.Make(
                pass.Object,
                container.Name,
                digest.ImageDigest.Length > 0 ? digest.ImageDigest : container.Image
            );
            await pass.EnsureAsync(
                ApiResources.Images,
                listers.Images.Get(pass.Namespace, image.Metadata.Name),
                image,
                static (existing, _) => existing,
                cancellation
            );
        }
    }

    private async Task PodAutoscalerAsync(RevisionPass pass, Deployment deployment, ConfigSnapshot snapshot, CancellationToken cancellation)
    {
        var cached = listers.PodAutoscalers.Get(pass.Namespace, pass.Name);
        if (cached is not null)
        {
            pass.Status = pass.Status.PropagateAutoscaler(
                ChildObjects.EnsureOwned(ApiResources.PodAutoscalers, cached, pass.Object).Status,
                pass.Now
            );
        }

        var child = await pass.EnsureAsync(
            ApiResources.PodAutoscalers,
            cached,
            PodAutoscalerMaker.Make(pass.Object with { Status = pass.Status }, deployment, snapshot.Autoscaler.PodAutoscalerClass),
            static (existing, wanted) =>
                existing with
                {
                    Spec = wanted.Spec.Keeping(existing.Spec),
                    Metadata = existing.Metadata with
                    {
                        Annotations = PodAutoscalerMaker.MergeAnnotations(existing.Metadata.Annotations, wanted.Metadata.Annotations),
                    },
                },
            cancellation
        );
        if (cached is null)
        {
            pass.Status = pass.Status.PropagateAutoscaler(child.Object.Status, pass.Now);
        }
    }
}

using System.Globalization;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using AutoscalerPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Autoscaling.PodAutoscaler,
    Serving.Api.Autoscaling.PodAutoscalerStatus
>;

namespace Serving.Autoscaler.Reconcilers;

/// <summary>Reads and writes the replicas of the Deployment that a PodAutoscaler scales. Invariant: a deposed leader never reverts the
/// write of a newer one.</summary>
/// <param name="deployments">The cached Deployments.</param>
internal sealed class ScaleTarget(ILister<Deployment> deployments)
{
    private static readonly TimeSpan AfterConflict = TimeSpan.FromMilliseconds(200);

    /// <summary>The Deployment to scale; null, with a failure recorded in the pass, if there is none.</summary>
    public Deployment? Of(AutoscalerPass pass)
    {
        var target = pass.Object.Spec.ScaleTargetRef;
        var known = Known(pass);
        if (known is null)
        {
            pass.Failures.Add(
                target.Kind == Resources.Deployments.Kind
                    ? new AwaitedException($"failed to get scale target {target.Name}: the Deployment is not known")
                    : new InvalidOperationException(
                        $"failed to get scale target {target.Kind} {target.Name}: only Deployments can be scaled"
                    )
            );
        }

        return known;
    }

    /// <summary>The replicas of the target in the cache; null while it is unknown.</summary>
    public int? ReplicasOf(AutoscalerPass pass) => Known(pass) is { } known ? known.Spec?.Replicas ?? 1 : null;

    /// <summary>
    /// Patches with the resourceVersion that the decision was based on, so that a deposed leader cannot revert the write of a newer one.
    /// While pods start, the Deployment's status changes faster than any cache: after a conflict the newest version is read and patched
    /// once more, and after another conflict the reconcile is retried soon, because the ServerlessService and the status must not wait.
    /// Replicas changed by another client meanwhile were not part of the decision and are left to the next one. Returns whether the target
    /// has the scale now.
    /// </summary>
    public static async Task<bool> PatchReplicasAsync(AutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        try
        {
            await PatchOnceAsync(pass, target, scale, cancellation);
            return true;
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // The newest version is read below.
        }

        var newest = await pass.Client.GetAsync(Resources.Deployments, target.Metadata.Namespace, target.Metadata.Name, cancellation);
        if (newest.Spec?.Replicas == scale)
            return true;
        try
        {
            if (newest.Metadata.Uid == target.Metadata.Uid && newest.Spec?.Replicas == target.Spec?.Replicas)
            {
                await PatchOnceAsync(pass, newest, scale, cancellation);
                return true;
            }
        }
        catch (KubernetesException refused) when (refused.IsConflict)
        {
            // It changed again.
        }

        pass.LookAgain(AfterConflict);
        return false;
    }

    private static async Task PatchOnceAsync(AutoscalerPass pass, Deployment target, int scale, CancellationToken cancellation)
    {
        var body = string.Create(
            CultureInfo.InvariantCulture,
            $$$"""{"metadata":{"resourceVersion":"{{{target.Metadata.ResourceVersion}}}"},"spec":{"replicas":{{{scale}}}}}"""
        );
        await pass.Client.PatchAsync(
            Resources.Deployments,
            target.Metadata.Namespace,
            target.Metadata.Name,
            new Patch(PatchType.Merge, body),
            cancellation,
            subresource: "scale"
        );
    }

    private Deployment? Known(AutoscalerPass pass) =>
        pass.Object.Spec.ScaleTargetRef is var target && target.Kind == Resources.Deployments.Kind
            ? deployments.Get(pass.Namespace, target.Name)
            : null;
}

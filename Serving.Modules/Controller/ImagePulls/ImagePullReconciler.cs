using System.Globalization;
using Serving.Api.Caching;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.ImagePulls;

/// <summary>
/// Pulls the images of routed revisions on the nodes that may run them, when <c>prepull</c> of config-reserve is on: a short-lived pod for
/// each node, at most <see cref="MostAtOnce"/> at a time. The condition Ready of the Image records the end, so that an image is pulled
/// once. Invariant: off, it writes nothing but the removal of pods that it made. One worker only.
/// </summary>
internal sealed class ImagePullReconciler(
    ILister<Image> images,
    ILister<Revision> revisions,
    Func<bool> isOn,
    IEventRecorder events,
    TimeProvider time
) : IReconciler
{
    /// <summary>The most pods that pull at once, over all images.</summary>
    public const int MostAtOnce = 5;

    internal const string Pulled = "Pulled";
    internal const string PullFailed = "PullFailed";

    private static readonly TimeSpan WhilePulling = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan WithoutNodes = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan NodesLast = TimeSpan.FromSeconds(10);
    private static readonly ConditionSet Conditions = new("Ready");

    private readonly Dictionary<ObjectKey, Progress> _pulls = [];
    private IReadOnlyList<Node> _nodes = [];
    private DateTimeOffset _nodesUntil;
    private bool _mayHavePods = true;

    public string Name => "imagepull";

    /// <summary>Forgets what belongs to the term.</summary>
    public void Clear()
    {
        _pulls.Clear();
        (_nodes, _nodesUntil, _mayHavePods) = ([], default, true);
    }

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (!isOn())
        {
            await SweepAsync(client, cancellation);
            return Reconcile.Done;
        }

        if (
            images.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } image
            || !ConditionSet.IsUnknown(image.Status?.Conditions ?? [], Conditions.Happy)
            || RevisionOf(image) is not { } revision
        )
        {
            _pulls.Remove(key);
            return Reconcile.Done;
        }

        _mayHavePods = true;
        var progress = _pulls.TryGetValue(key, out var known) && known.Uid == image.Metadata.Uid ? known : new Progress(image.Metadata.Uid);
        _pulls[key] = progress;
        await ObserveAsync(image, progress, client, cancellation);
        var wanted = (await NodesAsync(client, cancellation))
            .Where(node => PullNodes.Wants(node, revision.Spec, image.Spec.Reference))
            .Select(static node => node.Metadata.Name)
            .ToList();
        var missing = wanted.Where(node => !progress.Ended.ContainsKey(node) && !progress.Running.Contains(node)).ToList();
        var room = MostAtOnce - _pulls.Values.Sum(static one => one.Running.Count);
        foreach (var node in missing.Take(Math.Max(room, 0)))
            await StartAsync(image, revision, node, progress, client, cancellation);
        if (progress.Running.Count > 0 || missing.Exists(node => !progress.Ended.ContainsKey(node)))
            return Reconcile.After(WhilePulling);
        if (progress.Ended.Count == 0 && wanted.Count == 0 && _nodes.Count == 0)
            return Reconcile.After(WithoutNodes);
        await SettleAsync(image, progress, client, cancellation);
        _pulls.Remove(key);
        return Reconcile.Done;
    }

    /// <summary>The revision of an image; null when no Route uses it, or it is not known.</summary>
    private Revision? RevisionOf(Image image) =>
        Ownership.ControllerOf(image) is { Kind: "Revision" } owner
        && revisions.Get(image.Metadata.Namespace, owner.Name) is { Metadata.DeletionTimestamp: null } revision
        && revision.Metadata.Labels.GetValueOrDefault(ServingKeys.RoutingState) != ServingKeys.RoutingStateReserve
            ? revision
            : null;

    /// <summary>Takes over what pods report, and deletes those that have ended.</summary>
    private async Task ObserveAsync(Image image, Progress progress, IKubernetesClient client, CancellationToken cancellation)
    {
        var pods = await client.ListAsync(
            ApiResources.Pods,
            image.Metadata.Namespace,
            new ListOptions($"{PullPod.Label}={image.Metadata.Uid}"),
            cancellation
        );
        progress.Running.Clear();
        foreach (var pod in pods.Items)
        {
            var node = pod.Spec?.NodeName ?? "";
            var outcome = PullPod.OutcomeOf(pod, time.GetUtcNow());
            if (outcome.State == PullState.Running)
            {
                if (pod.Metadata.DeletionTimestamp is null)
                    progress.Running.Add(node);
                continue;
            }

            if (progress.Ended.TryAdd(node, outcome))
                ImagePullMetrics.Ended(outcome.State);
            if (pod.Metadata.DeletionTimestamp is null)
                await ChildObjects.DeleteAsync(client, ApiResources.Pods, pod, cancellation);
        }
    }

    private static async Task StartAsync(
        Image image,
        Revision revision,
        string node,
        Progress progress,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        try
        {
            await client.CreateAsync(ApiResources.Pods, PullPod.Make(image, revision.Spec, node), cancellation);
            progress.Running.Add(node);
        }
        catch (KubernetesException exists) when (exists.IsAlreadyExists)
        {
            // A pod of an earlier Image of this name; it goes with its owner.
            progress.Running.Add(node);
        }
        catch (KubernetesException refused) when (refused.IsRefusal)
        {
            progress.Ended[node] = new PullOutcome(PullState.Failed, refused.Status.Message);
            ImagePullMetrics.Ended(PullState.Failed);
        }
    }

    private async Task SettleAsync(Image image, Progress progress, IKubernetesClient client, CancellationToken cancellation)
    {
        var failed = progress.Ended.Where(static one => one.Value.State == PullState.Failed).OrderBy(static one => one.Key).ToList();
        var pulled = progress.Ended.Count - failed.Count;
        var message = string.Create(
            CultureInfo.InvariantCulture,
            $"Pulled on {pulled} of {progress.Ended.Count} nodes that needed it{(failed.Count > 0 ? $"; {failed[0].Key}: {failed[0].Value.Message}" : "")}"
        );
        var before = image.Status ?? new KnativeStatus();
        var now = time.GetUtcNow();
        await client.UpdateStatusAsync(
            ApiResources.Images,
            image with
            {
                Status = before with
                {
                    ObservedGeneration = image.Metadata.Generation,
                    Conditions =
                        failed.Count == 0
                            ? Conditions.MarkTrueWithReason(before.Conditions, Conditions.Happy, Pulled, message, now)
                            : Conditions.MarkFalse(before.Conditions, Conditions.Happy, PullFailed, message, now),
                },
            },
            cancellation
        );
        if (failed.Count > 0)
            events.Warning(image, PullFailed, message);
    }

    /// <summary>The nodes, read when they are needed: nothing is watched for a function that is off by default.</summary>
    private async Task<IReadOnlyList<Node>> NodesAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        if (now >= _nodesUntil)
            (_nodes, _nodesUntil) = ((await client.ListAsync(ApiResources.Nodes, null, null, cancellation)).Items, now + NodesLast);
        return _nodes;
    }

    /// <summary>Deletes the pods that were made while it was on, also in an earlier term.</summary>
    private async Task SweepAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if (!_mayHavePods)
            return;
        foreach (var pod in (await client.ListAsync(ApiResources.Pods, null, new ListOptions(PullPod.Label), cancellation)).Items)
        {
            if (pod.Metadata.DeletionTimestamp is null)
                await ChildObjects.DeleteAsync(client, ApiResources.Pods, pod, cancellation);
        }

        _pulls.Clear();
        _mayHavePods = false;
    }

    /// <summary>The pulls of one Image.</summary>
    private sealed class Progress(string uid)
    {
        public string Uid => uid;

        public HashSet<string> Running { get; } = new(StringComparer.Ordinal);

        public Dictionary<string, PullOutcome> Ended { get; } = new(StringComparer.Ordinal);
    }
}

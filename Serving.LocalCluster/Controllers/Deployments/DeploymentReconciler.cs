using System.Collections.Concurrent;
using System.Globalization;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.LocalCluster.Controllers.ReplicaSets;

namespace Serving.LocalCluster.Controllers.Deployments;

/// <summary>Moves the ReplicaSets of a Deployment towards its template and its size.</summary>
internal sealed class DeploymentReconciler : IReconciler
{
    private const string TemplateHash = "pod-template-hash";
    private const string RevisionAnnotation = "deployment.kubernetes.io/revision";
    private const int DefaultHistory = 10;
    private const int DefaultDeadlineSeconds = 600;
    private static readonly string[] OwnAnnotations = [RevisionAnnotation, "kubectl.kubernetes.io/last-applied-configuration"];

    private readonly ILister<Deployment> _deployments;
    private readonly Claims<Deployment, ReplicaSet> _claims;
    private readonly IEventRecorder _events;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<ObjectKey, (string Figures, long Since)> _progress = new();

    public DeploymentReconciler(IInformers informers, IEventRecorder events, TimeProvider time)
    {
        _deployments = informers.For(Resources.Deployments).Lister;
        _claims = new Claims<Deployment, ReplicaSet>(
            Resources.Deployments,
            Resources.ReplicaSets,
            _deployments,
            informers.For(Resources.ReplicaSets).Lister,
            deployment => deployment.Spec?.Selector
        );
        _events = events;
        _time = time;
    }

    public string Name => "deployment";

    /// <summary>The Deployments that would adopt a ReplicaSet without a controller.</summary>
    public IEnumerable<ObjectKey> ClaimantsOf(ReplicaSet set) => _claims.ClaimantsOf(set);

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (_deployments.Get(key.Namespace, key.Name) is not { Spec: { } spec, Metadata.DeletionTimestamp: null } deployment)
        {
            _progress.TryRemove(key, out _);
            return Reconcile.Done;
        }

        var owned = await _claims.ClaimAsync(deployment, client, cancellation);
        var template = spec.Template ?? new PodTemplateSpec();
        var hash = Documents.Hash(template);
        var newest = owned.FirstOrDefault(set => set.Metadata.Labels.GetValueOrDefault(TemplateHash) == hash);
        var older = owned.Where(set => set != newest).ToList();
        if (spec.Paused != true || newest is not null)
        {
            newest = newest is null
                ? await CreateAsync(deployment, template, hash, older, client, cancellation)
                : await AlignAsync(deployment, newest, older, client, cancellation);
            await ScaleAsync(deployment, newest, older, client, cancellation);
            await PruneAsync(deployment, older, client, cancellation);
        }

        deployment = await NumberAsync(deployment, newest, client, cancellation);
        return await UpdateStatusAsync(deployment, newest, older, client, cancellation);
    }

    private static int Revision(IKubernetesObject value) =>
        int.TryParse(value.Metadata.Annotations.GetValueOrDefault(RevisionAnnotation), CultureInfo.InvariantCulture, out var revision)
            ? revision
            : 0;

    private static int NextRevision(List<ReplicaSet> older) => (older.Count == 0 ? 0 : older.Max(Revision)) + 1;

    private static ObjectMeta WithRevision(ObjectMeta metadata, int revision) =>
        metadata with
        {
            Annotations = Documents.Merge(
                metadata.Annotations,
                new Dictionary<string, string> { [RevisionAnnotation] = revision.ToString(CultureInfo.InvariantCulture) }
            ),
        };

    /// <summary>The annotations of a Deployment that its ReplicaSet gets: all except those about the Deployment itself.</summary>
    private static Dictionary<string, string> SharedAnnotations(Deployment deployment) =>
        deployment.Metadata.Annotations.Where(annotation => !OwnAnnotations.Contains(annotation.Key)).ToDictionary();

    /// <summary>
    /// Updates the newest ReplicaSet to match its Deployment. An old ReplicaSet whose template matches again, as after a rollback,
    /// becomes the latest in the history.
    /// </summary>
    private static async Task<ReplicaSet> AlignAsync(
        Deployment deployment,
        ReplicaSet newest,
        List<ReplicaSet> older,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var metadata = newest.Metadata with { Annotations = Documents.Merge(newest.Metadata.Annotations, SharedAnnotations(deployment)) };
        var aligned = newest with
        {
            Metadata = Revision(newest) >= NextRevision(older) ? metadata : WithRevision(metadata, NextRevision(older)),
            Spec = newest.Spec! with { MinReadySeconds = deployment.Spec!.MinReadySeconds },
        };
        return ApiEquality.Same(newest, aligned)
            ? newest
            : await Documents.ChangeAsync(client, Resources.ReplicaSets, newest, aligned, cancellation);
    }

    /// <summary>Sets the annotation with the Deployment's revision in its history.</summary>
    private static async Task<Deployment> NumberAsync(
        Deployment deployment,
        ReplicaSet? newest,
        IKubernetesClient client,
        CancellationToken cancellation
    ) =>
        newest is null || Revision(newest) == Revision(deployment)
            ? deployment
            : await Documents.ChangeAsync(
                client,
                Resources.Deployments,
                deployment,
                deployment with
                {
                    Metadata = WithRevision(deployment.Metadata, Revision(newest)),
                },
                cancellation
            );

    private async Task<ReplicaSet> CreateAsync(
        Deployment deployment,
        PodTemplateSpec template,
        string hash,
        List<ReplicaSet> older,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var hashLabel = new Dictionary<string, string> { [TemplateHash] = hash };
        var metadata = template.Metadata ?? new ObjectMeta();
        var selector = deployment.Spec!.Selector ?? new LabelSelector();
        var set = new ReplicaSet
        {
            ApiVersion = Resources.ReplicaSets.ApiVersion,
            Kind = Resources.ReplicaSets.Kind,
            Metadata = WithRevision(
                new ObjectMeta
                {
                    Name = $"{deployment.Metadata.Name}-{hash}",
                    Namespace = deployment.Metadata.Namespace,
                    Labels = Documents.Merge(metadata.Labels, hashLabel),
                    Annotations = SharedAnnotations(deployment),
                    OwnerReferences = [Ownership.ControllerReference(Resources.Deployments, deployment)],
                },
                NextRevision(older)
            ),
            Spec = new ReplicaSetSpec
            {
                Replicas = 0,
                MinReadySeconds = deployment.Spec.MinReadySeconds,
                Selector = selector with { MatchLabels = Documents.Merge(selector.MatchLabels, hashLabel) },
                Template = template with { Metadata = metadata with { Labels = Documents.Merge(metadata.Labels, hashLabel) } },
            },
        };
        var size = RollingUpdate.Plan(deployment.Spec, set, older)[set.Metadata.Name];
        var child = await ChildObjects.CreateAsync(
            client,
            Resources.ReplicaSets,
            set with
            {
                Spec = set.Spec with { Replicas = size },
            },
            deployment,
            cancellation
        );
        if (child.Outcome == ChildOutcome.Created)
        {
            _events.Normal(deployment, "ScalingReplicaSet", $"Scaled up replica set {set.Metadata.Name} to {size}");
        }

        return child.Object;
    }

    private async Task ScaleAsync(
        Deployment deployment,
        ReplicaSet newest,
        List<ReplicaSet> older,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var plan = RollingUpdate.Plan(deployment.Spec!, newest, older);
        foreach (var set in older.Append(newest))
        {
            var size = plan[set.Metadata.Name];
            var before = set.Spec?.Replicas ?? 1;
            if (size != before)
            {
                await Documents.ChangeAsync(
                    client,
                    Resources.ReplicaSets,
                    set,
                    set with
                    {
                        Spec = set.Spec! with { Replicas = size },
                    },
                    cancellation
                );
                _events.Normal(
                    deployment,
                    "ScalingReplicaSet",
                    $"Scaled {(size > before ? "up" : "down")} replica set {set.Metadata.Name} to {size} from {before}"
                );
            }
        }
    }

    private static async Task PruneAsync(
        Deployment deployment,
        List<ReplicaSet> older,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var limit = deployment.Spec!.RevisionHistoryLimit ?? DefaultHistory;
        var idle = older
            .Where(set => set.Spec?.Replicas == 0 && (set.Status?.Replicas ?? 0) == 0 && set.Metadata.DeletionTimestamp is null)
            .OrderBy(Revision)
            .ToList();
        foreach (var set in idle.Take(Math.Max(0, idle.Count - limit)))
        {
            await ChildObjects.DeleteAsync(client, Resources.ReplicaSets, set.Metadata.Namespace, set.Metadata.Name, cancellation);
        }
    }

    private async Task<Reconcile> UpdateStatusAsync(
        Deployment deployment,
        ReplicaSet? newest,
        List<ReplicaSet> older,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var spec = deployment.Spec!;
        var all = newest is null ? older : [.. older, newest];
        var wanted = spec.Replicas ?? 1;
        var total = all.Sum(set => set.Status?.Replicas ?? 0);
        var updated = newest?.Status?.Replicas ?? 0;
        var ready = all.Sum(set => set.Status?.ReadyReplicas ?? 0);
        var available = all.Sum(set => set.Status?.AvailableReplicas ?? 0);
        var deadline = TimeSpan.FromSeconds(spec.ProgressDeadlineSeconds ?? DefaultDeadlineSeconds);
        var still = Still(deployment, $"{newest?.Metadata.Uid} {updated} {total} {ready} {available}");
        var complete = newest is not null && updated == wanted && total == wanted && available == wanted;
        var conditions = deployment.Status?.Conditions ?? [];
        var status = (deployment.Status ?? new DeploymentStatus()) with
        {
            ObservedGeneration = deployment.Metadata.Generation,
            Replicas = total,
            UpdatedReplicas = updated,
            ReadyReplicas = ready,
            AvailableReplicas = available,
            UnavailableReplicas = Math.Max(0, Math.Max(wanted, total) - available),
            Conditions = DeploymentConditions.Set(
                ReplicaFailure.Set(conditions, ReplicaFailure.In(newest is null ? older : [newest, .. older]), _time.GetUtcNow()),
                _time.GetUtcNow(),
                DeploymentConditions.Available(spec, available),
                DeploymentConditions.Progressing(
                    conditions.FirstOrDefault(condition => condition.Type == "Progressing"),
                    newest?.Metadata.Name ?? "",
                    complete,
                    still,
                    deadline
                )
            ),
        };
        if (!ApiEquality.Same(deployment.Status, status))
        {
            await Documents.UnlessGoneAsync(
                client.UpdateStatusAsync(Resources.Deployments, deployment with { Status = status }, cancellation)
            );
        }

        return complete || still >= deadline ? Reconcile.Done : Reconcile.After(deadline - still + TimeSpan.FromMilliseconds(10));
    }

    /// <summary>How long the status counts of a Deployment have not changed.</summary>
    private TimeSpan Still(Deployment deployment, string figures)
    {
        var entry = _progress.AddOrUpdate(
            ObjectKey.Of(deployment),
            _ => (figures, _time.GetTimestamp()),
            (_, before) => before.Figures == figures ? before : (figures, _time.GetTimestamp())
        );
        return _time.GetElapsedTime(entry.Since);
    }
}

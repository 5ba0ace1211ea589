using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Kubernetes.Selectors;

namespace Serving.LocalCluster.Controllers.ReplicaSets;

/// <summary>Keeps as many pods of a template as a ReplicaSet wants.</summary>
internal sealed class ReplicaSetReconciler : IReconciler
{
    /// <summary>The maximum number of pods that one reconciliation creates or deletes, as in Kubernetes: their events queue it again for
    /// the rest.</summary>
    private const int Burst = 500;

    private readonly ILister<ReplicaSet> _replicaSets;
    private readonly ILister<Pod> _pods;
    private readonly Claims<ReplicaSet, Pod> _claims;
    private readonly Expectations _expectations;
    private readonly IEventRecorder _events;
    private readonly TimeProvider _time;

    public ReplicaSetReconciler(IInformers informers, IEventRecorder events, TimeProvider time)
    {
        _replicaSets = informers.For(Resources.ReplicaSets).Lister;
        var podInformer = informers.For(Resources.Pods);
        _pods = podInformer.Lister;
        _claims = new Claims<ReplicaSet, Pod>(Resources.ReplicaSets, Resources.Pods, _replicaSets, _pods, set => set.Spec?.Selector);
        _expectations = new Expectations(time);
        _events = events;
        _time = time;
        podInformer.AddHandler(Observe);
    }

    public string Name => "replicaset";

    /// <summary>The ReplicaSets that would adopt a pod without a controller.</summary>
    public IEnumerable<ObjectKey> ClaimantsOf(Pod pod) => _claims.ClaimantsOf(pod);

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (_replicaSets.Get(key.Namespace, key.Name) is not { } set)
        {
            return Reconcile.Done;
        }

        var active = (await _claims.ClaimAsync(set, client, cancellation)).Where(PodState.IsActive).ToList();
        if (set.Metadata.DeletionTimestamp is null && _expectations.Met(set.Metadata.Uid))
        {
            var missing = (set.Spec?.Replicas ?? 1) - active.Count;
            try
            {
                await ScaleAsync(set, active, missing, client, cancellation);
            }
            catch (KubernetesException refusal)
            {
                await UpdateStatusAsync(set, active, ReplicaFailure.Of(missing, refusal), client, cancellation);
                throw;
            }
        }

        return await UpdateStatusAsync(set, active, null, client, cancellation);
    }

    private async Task ScaleAsync(ReplicaSet set, List<Pod> active, int missing, IKubernetesClient client, CancellationToken cancellation)
    {
        if (missing > 0)
        {
            await CreateAsync(set, Math.Min(missing, Burst), client, cancellation);
        }
        else if (missing < 0)
        {
            await Task.WhenAll(
                PodRanking
                    .ByWorth(active, _time.GetUtcNow())
                    .Take(Math.Min(-missing, Burst))
                    .Select(pod => DeleteAsync(set, pod, client, cancellation))
            );
        }
    }

    /// <summary>Creates one pod first, then doubles the batch: if the API server rejects the first pod, no more requests are
    /// sent.</summary>
    private async Task CreateAsync(ReplicaSet set, int count, IKubernetesClient client, CancellationToken cancellation)
    {
        for (var batch = 1; count > 0; batch *= 2)
        {
            var now = Math.Min(batch, count);
            await Task.WhenAll(Enumerable.Range(0, now).Select(_ => CreateAsync(set, client, cancellation)));
            count -= now;
        }
    }

    private async Task CreateAsync(ReplicaSet set, IKubernetesClient client, CancellationToken cancellation)
    {
        var template = set.Spec?.Template ?? new PodTemplateSpec();
        var metadata = template.Metadata ?? new ObjectMeta();
        var pod = new Pod
        {
            ApiVersion = Resources.Pods.ApiVersion,
            Kind = Resources.Pods.Kind,
            Metadata = metadata with
            {
                Name = $"{set.Metadata.Name}-{Documents.RandomSuffix()}",
                GenerateName = $"{set.Metadata.Name}-",
                Namespace = set.Metadata.Namespace,
                OwnerReferences = [Ownership.ControllerReference(Resources.ReplicaSets, set)],
            },
            Spec = template.Spec,
        };
        var key = ObjectKey.Of(pod);
        _expectations.ExpectCreate(set.Metadata.Uid, key);
        try
        {
            await client.CreateAsync(Resources.Pods, pod, cancellation);
        }
        catch (Exception failure)
        {
            _expectations.Created(set.Metadata.Uid, key);
            if (failure is KubernetesException refusal)
            {
                if (refusal.IsNamespaceTerminating)
                {
                    return;
                }

                _events.Warning(set, "FailedCreate", $"Error creating: {refusal.Status.Message}");
            }

            throw;
        }

        _events.Normal(set, "SuccessfulCreate", $"Created pod: {pod.Metadata.Name}");
        if (_pods.Get(key.Namespace, key.Name) is not null)
        {
            _expectations.Created(set.Metadata.Uid, key);
        }
    }

    private async Task DeleteAsync(ReplicaSet set, Pod pod, IKubernetesClient client, CancellationToken cancellation)
    {
        var key = ObjectKey.Of(pod);
        _expectations.ExpectDelete(set.Metadata.Uid, key);
        try
        {
            if (!await ChildObjects.DeleteAsync(client, Resources.Pods, key.Namespace, key.Name, cancellation))
            {
                _expectations.Deleted(set.Metadata.Uid, key);
                return;
            }
        }
        catch
        {
            _expectations.Deleted(set.Metadata.Uid, key);
            throw;
        }

        _events.Normal(set, "SuccessfulDelete", $"Deleted pod: {pod.Metadata.Name}");
        if (_pods.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null })
        {
            _expectations.Deleted(set.Metadata.Uid, key);
        }
    }

    private async Task<Reconcile> UpdateStatusAsync(
        ReplicaSet set,
        List<Pod> active,
        Condition? failure,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var now = _time.GetUtcNow();
        var minReady = set.Spec?.MinReadySeconds ?? 0;
        var labels = LabelMatcher.Of(set.Spec?.Template?.Metadata?.Labels ?? Empty.Map);
        var ready = active.Count(PodState.IsReady);
        var available = active.Count(pod => PodState.IsAvailable(pod, minReady, now));
        var status = (set.Status ?? new ReplicaSetStatus()) with
        {
            Replicas = active.Count,
            FullyLabeledReplicas = active.Count(pod => labels.Matches(pod.Metadata.Labels)),
            ReadyReplicas = ready,
            AvailableReplicas = available,
            ObservedGeneration = set.Metadata.Generation,
            Conditions = ReplicaFailure.Set(set.Status?.Conditions ?? [], failure, now),
        };
        if (!ApiEquality.Same(set.Status, status))
        {
            await Documents.UnlessGoneAsync(client.UpdateStatusAsync(Resources.ReplicaSets, set with { Status = status }, cancellation));
        }

        return available < ready ? Reconcile.After(TimeSpan.FromSeconds(Math.Max(1, minReady))) : Reconcile.Done;
    }

    private void Observe(Change<Pod> change)
    {
        if (Ownership.ControllerOf(change.Object)?.Uid is { } owner)
        {
            _expectations.Created(owner, change.Key);
            if (change.New is null or { Metadata.DeletionTimestamp: not null })
            {
                _expectations.Deleted(owner, change.Key);
            }
        }
    }
}

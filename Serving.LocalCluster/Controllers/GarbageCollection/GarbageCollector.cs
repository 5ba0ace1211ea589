using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.LocalCluster.Controllers.GarbageCollection;

/// <summary>
/// Watches every kind that can be listed and deleted, custom ones included, and runs a <see cref="GarbageReconciler"/> for each.
/// It caches only kind and metadata of these objects.
/// </summary>
internal sealed class GarbageCollector(IInformers informers, IResourceDiscovery discovery, ILogger logger, TimeProvider time)
{
    /// <summary>Short-lived or high-volume kinds without owners.</summary>
    private static readonly string[] Ignored = ["events", "leases"];
    private static readonly TimeSpan Retry = TimeSpan.FromSeconds(1);

    private readonly OwnerGraph _graph = new();
    private readonly Lock _gate = new();
    private readonly Dictionary<(string Group, string Plural), Followed> _followed = [];

    // Owners that were read from the API before a cache showed them: if their kind is removed, no cache reports their deletion.
    private readonly ConcurrentDictionary<string, bool> _seenByApiOnly = [];
    private readonly IInformer<CustomResourceDefinition> _definitions = informers.For(Resources.CustomResourceDefinitions);

    /// <summary>The objects with this uid as an owner.</summary>
    public IReadOnlyList<(ResourceType<ObjectHeader> Type, ObjectHeader Item)> Dependents(string uid)
    {
        var found = new List<(ResourceType<ObjectHeader>, ObjectHeader)>();
        foreach (var node in _graph.Dependents(uid))
        {
            if (
                Find(node.Type) is { } kind
                && kind.Informer.Lister.Get(node.Key.Namespace, node.Key.Name) is { } item
                && item.Metadata.Uid == node.Uid
            )
            {
                found.Add((kind.Type, item));
            }
        }

        return found;
    }

    /// <summary>Whether a cache shows this object, so that its deletion will be reported.</summary>
    public bool Shows(ObjectHeader item) => _graph.Find(item.Metadata.Uid) is not null;

    /// <summary>The owner that a reference names; null when it or its kind was deleted, or another object has its name.</summary>
    public async Task<ObjectHeader?> FindOwnerAsync(
        OwnerReference owner,
        string ns,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        if (
            _graph.Find(owner.Uid) is { } node
            && Find(node.Type)?.Informer.Lister.Get(node.Key.Namespace, node.Key.Name) is { } cached
            && cached.Metadata.Uid == owner.Uid
        )
        {
            _seenByApiOnly.TryRemove(owner.Uid, out _);
            return cached;
        }

        if (await discovery.FindAsync(owner.ApiVersion, owner.Kind, cancellation) is not { } type)
        {
            if (_seenByApiOnly.ContainsKey(owner.Uid))
            {
                return null;
            }

            throw new InvalidOperationException(
                $"the owner {owner.Kind} {owner.Name} has a kind that the API server does not serve: {owner.ApiVersion}"
            );
        }

        try
        {
            var live = await client.GetAsync(ObjectHeader.Type(type), type.Namespaced ? ns : null, owner.Name, cancellation);
            if (live.Metadata.Uid == owner.Uid)
            {
                _seenByApiOnly.TryAdd(owner.Uid, true);
                return live;
            }
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            // Deleted, or replaced by another object of the same name.
        }

        _seenByApiOnly.TryRemove(owner.Uid, out _);
        return null;
    }

    /// <summary>Runs until cancelled; kinds that are defined later are added.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        var running = new List<Task>();
        // Capacity 1: any number of changes cause a single discovery.
        var changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
        changed.Writer.TryWrite(true);
        using var registration = _definitions.AddHandler(_ => changed.Writer.TryWrite(true));
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                await changed.Reader.ReadAsync(cancellation);
                foreach (var loop in await FollowNewKindsAsync(cancellation))
                {
                    running.Add(loop.RunAsync(client, cancellation));
                }
            }
            catch (Exception failure) when (!cancellation.IsCancellationRequested)
            {
                logger.LogWarning(failure, "Cannot discover the kinds for garbage collection; retrying in {Delay}", Retry);
                await Task.Delay(Retry, time, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                changed.Writer.TryWrite(true);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task<List<ReconcileLoop>> FollowNewKindsAsync(CancellationToken cancellation)
    {
        var loops = new List<ReconcileLoop>();
        foreach (var resource in await discovery.ListAsync(cancellation))
        {
            if (
                !resource.Verbs.Contains("watch")
                || !resource.Verbs.Contains("delete")
                || Ignored.Contains(resource.Type.Plural)
                || Find(resource.Type) is not null
            )
            {
                continue;
            }

            var type = ObjectHeader.Type(resource.Type);
            var informer = informers.For(type);
            var loop = new ReconcileLoop(new GarbageReconciler(type, informer.Lister, this), logger, time, workers: 2).For(informer);
            lock (_gate)
            {
                _followed[(type.Group, type.Plural)] = new Followed(type, informer, loop);
            }

            informer.AddHandler(change => Observe(type, change));
            loops.Add(loop);
        }

        return loops;
    }

    private void Observe(ResourceType<ObjectHeader> type, Change<ObjectHeader> change)
    {
        // A cache shows or showed it, so its deletion is reported.
        _seenByApiOnly.TryRemove(change.Object.Metadata.Uid, out _);
        foreach (var dependent in _graph.Observe(type, change.Old, change.New))
        {
            Find(dependent.Type)?.Loop.Enqueue(dependent.Key);
        }

        // An owner that waits for its dependents is reconciled again when each of them is deleted or changes its owner.
        foreach (var owner in change.Old?.Metadata.OwnerReferences ?? [])
        {
            var isKept = change.New?.Metadata.OwnerReferences.Any(kept => kept.Uid == owner.Uid) ?? false;
            if (!isKept && _graph.Find(owner.Uid) is { } node)
            {
                Find(node.Type)?.Loop.Enqueue(node.Key);
            }
        }
    }

    private Followed? Find(ResourceType type)
    {
        lock (_gate)
        {
            return _followed.GetValueOrDefault((type.Group, type.Plural));
        }
    }

    private sealed record Followed(ResourceType<ObjectHeader> Type, IInformer<ObjectHeader> Informer, ReconcileLoop Loop);
}

using Serving.Api;
using Serving.Kubernetes;

namespace Serving.LocalCluster.Controllers.GarbageCollection;

/// <summary>The ownership graph over all kinds, as the caches show it. Thread-safe.</summary>
internal sealed class OwnerGraph
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, GraphNode> _nodes = [];
    private readonly Dictionary<string, HashSet<GraphNode>> _dependents = [];

    /// <summary>Applies a change of an object; for a deletion, returns its dependents, which must be reconciled.</summary>
    public IReadOnlyList<GraphNode> Observe(ResourceType type, IKubernetesObject? before, IKubernetesObject? after)
    {
        lock (_gate)
        {
            if (before is not null && after?.Metadata.Uid != before.Metadata.Uid)
            {
                var gone = new GraphNode(type, ObjectKey.Of(before), before.Metadata.Uid);
                _nodes.Remove(gone.Uid);
                Unlink(gone, before);
                if (after is null)
                {
                    return DependentsOf(gone.Uid);
                }
            }
            else if (before is not null)
            {
                Unlink(new GraphNode(type, ObjectKey.Of(before), before.Metadata.Uid), before);
            }

            if (after is not null)
            {
                var node = new GraphNode(type, ObjectKey.Of(after), after.Metadata.Uid);
                _nodes[node.Uid] = node;
                foreach (var owner in after.Metadata.OwnerReferences)
                {
                    (_dependents.TryGetValue(owner.Uid, out var set) ? set : _dependents[owner.Uid] = []).Add(node);
                }

                return after.Metadata.DeletionTimestamp is not null ? DependentsOf(node.Uid) : [];
            }

            return [];
        }
    }

    /// <summary>The object with this uid; null when no cache shows it.</summary>
    public GraphNode? Find(string uid)
    {
        lock (_gate)
        {
            return _nodes.GetValueOrDefault(uid);
        }
    }

    /// <summary>The objects with this uid as an owner.</summary>
    public IReadOnlyList<GraphNode> Dependents(string uid)
    {
        lock (_gate)
        {
            return DependentsOf(uid);
        }
    }

    private GraphNode[] DependentsOf(string uid) => _dependents.TryGetValue(uid, out var set) ? [.. set] : [];

    private void Unlink(GraphNode node, IKubernetesObject value)
    {
        foreach (var owner in value.Metadata.OwnerReferences)
        {
            if (_dependents.TryGetValue(owner.Uid, out var set) && set.Remove(node) && set.Count == 0)
            {
                _dependents.Remove(owner.Uid);
            }
        }
    }
}

/// <summary>One object in the graph.</summary>
internal sealed record GraphNode(ResourceType Type, ObjectKey Key, string Uid);

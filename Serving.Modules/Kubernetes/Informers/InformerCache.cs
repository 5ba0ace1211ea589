using System.Collections.Immutable;
using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// The cache behind a lister: an immutable snapshot that readers use without a lock and a single writer replaces. Invariant: the indexes of
/// a snapshot contain exactly its objects.
/// </summary>
public sealed class InformerCache<T> : ILister<T>
    where T : class, IKubernetesObject
{
    private volatile Snapshot _snapshot = Snapshot.Empty;

    /// <inheritdoc/>
    public T? Get(string ns, string name) =>
        _snapshot.Namespaces.TryGetValue(ns, out var objects) && objects.TryGetValue(name, out var value) ? value : null;

    /// <inheritdoc/>
    public IReadOnlyList<T> List(string? ns = null)
    {
        var snapshot = _snapshot;
        if (ns is null)
        {
            return snapshot.All;
        }

        return snapshot.Namespaces.TryGetValue(ns, out var objects) ? [.. objects.Values] : [];
    }

    /// <inheritdoc/>
    public IReadOnlyList<T> ByLabel(string ns, string key, string value) =>
        _snapshot.Labels.TryGetValue(new LabelKey(ns, key, value), out var objects) ? [.. objects.Values] : [];

    /// <inheritdoc/>
    public IReadOnlyList<T> ByOwner(string uid) => _snapshot.Owners.TryGetValue(uid, out var objects) ? [.. objects.Values] : [];

    /// <summary>Adds or replaces an object; returns the previous one. One writer at a time.</summary>
    public T? Set(T value)
    {
        ArgumentNullException.ThrowIfNull(value);
        var old = Get(value.Metadata.Namespace, value.Metadata.Name);
        _snapshot = _snapshot.Without(old).With(value);
        return old;
    }

    /// <summary>Removes an object; returns it. One writer at a time.</summary>
    public T? Remove(ObjectKey key)
    {
        var old = Get(key.Namespace, key.Name);
        _snapshot = _snapshot.Without(old);
        return old;
    }

    private readonly record struct LabelKey(string Namespace, string Key, string Value);

    private sealed class Snapshot(
        ImmutableDictionary<string, ImmutableDictionary<string, T>> namespaces,
        ImmutableDictionary<LabelKey, ImmutableDictionary<ObjectKey, T>> labels,
        ImmutableDictionary<string, ImmutableDictionary<ObjectKey, T>> owners
    )
    {
        public static readonly Snapshot Empty = new(
            ImmutableDictionary<string, ImmutableDictionary<string, T>>.Empty,
            ImmutableDictionary<LabelKey, ImmutableDictionary<ObjectKey, T>>.Empty,
            ImmutableDictionary<string, ImmutableDictionary<ObjectKey, T>>.Empty
        );

        private T[]? _all;

        public ImmutableDictionary<string, ImmutableDictionary<string, T>> Namespaces => namespaces;

        public ImmutableDictionary<LabelKey, ImmutableDictionary<ObjectKey, T>> Labels => labels;

        public ImmutableDictionary<string, ImmutableDictionary<ObjectKey, T>> Owners => owners;

        public IReadOnlyList<T> All => _all ??= [.. namespaces.Values.SelectMany(objects => objects.Values)];

        public Snapshot With(T value)
        {
            var meta = value.Metadata;
            var key = ObjectKey.Of(value);
            var inNamespace = namespaces.GetValueOrDefault(meta.Namespace) ?? ImmutableDictionary<string, T>.Empty;
            var byLabel = labels;
            foreach (var (name, label) in meta.Labels)
            {
                byLabel = Put(byLabel, new LabelKey(meta.Namespace, name, label), key, value);
            }

            var byOwner = owners;
            foreach (var owner in meta.OwnerReferences)
            {
                byOwner = Put(byOwner, owner.Uid, key, value);
            }

            return new Snapshot(namespaces.SetItem(meta.Namespace, inNamespace.SetItem(meta.Name, value)), byLabel, byOwner);
        }

        public Snapshot Without(T? value)
        {
            if (value is null)
            {
                return this;
            }

            var meta = value.Metadata;
            var key = ObjectKey.Of(value);
            var inNamespace = namespaces[meta.Namespace].Remove(meta.Name);
            var byLabel = labels;
            foreach (var (name, label) in meta.Labels)
            {
                byLabel = Drop(byLabel, new LabelKey(meta.Namespace, name, label), key);
            }

            var byOwner = owners;
            foreach (var owner in meta.OwnerReferences)
            {
                byOwner = Drop(byOwner, owner.Uid, key);
            }

            return new Snapshot(
                inNamespace.IsEmpty ? namespaces.Remove(meta.Namespace) : namespaces.SetItem(meta.Namespace, inNamespace),
                byLabel,
                byOwner
            );
        }

        private static ImmutableDictionary<TIndex, ImmutableDictionary<ObjectKey, T>> Put<TIndex>(
            ImmutableDictionary<TIndex, ImmutableDictionary<ObjectKey, T>> index,
            TIndex at,
            ObjectKey key,
            T value
        )
            where TIndex : notnull =>
            index.SetItem(at, (index.GetValueOrDefault(at) ?? ImmutableDictionary<ObjectKey, T>.Empty).SetItem(key, value));

        private static ImmutableDictionary<TIndex, ImmutableDictionary<ObjectKey, T>> Drop<TIndex>(
            ImmutableDictionary<TIndex, ImmutableDictionary<ObjectKey, T>> index,
            TIndex at,
            ObjectKey key
        )
            where TIndex : notnull
        {
            if (!index.TryGetValue(at, out var objects))
            {
                return index;
            }

            var rest = objects.Remove(key);
            return rest.IsEmpty ? index.Remove(at) : index.SetItem(at, rest);
        }
    }
}

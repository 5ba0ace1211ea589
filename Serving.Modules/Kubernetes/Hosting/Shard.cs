using System.Globalization;
using Serving.Api;

namespace Serving.Kubernetes.Hosting;

/// <summary>One of the equal shards of a module's keys.</summary>
/// <param name="Index">The index, from 0.</param>
/// <param name="Count">The number of shards, 1 to <see cref="MostShards"/>.</param>
public readonly record struct Shard(int Index, int Count)
{
    /// <summary>The maximum number of shards: the bound of <c>buckets</c> in config-leader-election.</summary>
    public const int MostShards = 10;

    /// <summary>All keys.</summary>
    public static Shard Whole { get; } = new(0, 1);

    /// <summary>Whether a key belongs to this shard. All processes with the same number of shards agree.</summary>
    public bool Owns(ObjectKey key) => Count == 1 || IndexOf(key, Count) == Index;

    /// <summary>The shard of a key.</summary>
    public static int IndexOf(ObjectKey key, int count) => (int)(Fnv1a.Hash32($"{key.Namespace}/{key.Name}") % (uint)count);

    /// <summary>The format in names of Leases: <c>00-of-01</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Index:00}-of-{Count:00}");
}

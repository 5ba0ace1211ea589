namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A Leader module whose keys may be divided, so that several replicas work at once: each part is a module that runs under Leases of its
/// own. Invariant: a part touches no key but its own.
/// </summary>
public interface IShardedModule : IServingModule
{
    /// <summary>Makes the module of one part. Called again when the number of parts changes, after all earlier ones have stopped.</summary>
    IServingModule CreateShard(Shard shard);
}

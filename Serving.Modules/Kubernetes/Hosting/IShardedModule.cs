namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A Leader module that can be sharded, so that several replicas work at once: each shard is a module that runs under its own Leases.
/// Invariant: a shard processes only its own keys.
/// </summary>
public interface IShardedModule : IServingModule
{
    /// <summary>Creates the module of one shard. Called again when the number of shards changes, after all earlier shards have
    /// stopped.</summary>
    IServingModule CreateShard(Shard shard);
}

using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;

namespace Serving.Kubernetes.Hosting;

/// <summary>
/// A module whose shards each run under their own Leases, spread over the replicas: a replica that leads many is slower to acquire another,
/// and hands one over when a replica leads two fewer. Invariant: shards of different shard counts never work at the same time, in any
/// process.
/// </summary>
internal sealed class ShardedUnit : IModuleUnit
{
    private readonly IShardedModule _module;
    private readonly ModuleContext _context;
    private readonly Lock _lock = new();
    private IReadOnlyList<ModuleUnit> _parts = [];
    private CancellationTokenSource? _division;
    private volatile LeaderElectionOptions _times;
    private int _count;

    /// <param name="module">The sharded module.</param>
    /// <param name="times">Identity and times of the Leases.</param>
    /// <param name="context">Dependencies shared by all units.</param>
    public ShardedUnit(IShardedModule module, LeaderElectionOptions times, ModuleContext context)
    {
        _module = module;
        _context = context;
        _times = times;
        _count = context.Options.Shards;
    }

    /// <inheritdoc/>
    public IServingModule Module => _module;

    /// <inheritdoc/>
    public bool Leads => Parts.Any(part => part.Leads);

    /// <inheritdoc/>
    public string? NotReadyReason => Parts.Select(part => part.NotReadyReason).FirstOrDefault(reason => reason is not null);

    /// <inheritdoc/>
    public string? Remark => Parts.Select(part => part.Remark).FirstOrDefault(remark => remark is not null);

    /// <inheritdoc/>
    public string? StuckReason => Parts.Select(part => part.StuckReason).FirstOrDefault(reason => reason is not null);

    private IReadOnlyList<ModuleUnit> Parts => Volatile.Read(ref _parts);

    /// <inheritdoc/>
    public void ChangeTimes(LeaderElectionOptions times)
    {
        lock (_lock)
        {
            _times = times;
            foreach (var part in _parts)
            {
                part.ChangeTimes(times);
            }
        }
    }

    /// <summary>Changes the number of shards: the current shards stop and release their Leases, then the new ones compete.</summary>
    public void ChangeCount(int count)
    {
        CancellationTokenSource? former;
        lock (_lock)
        {
            if (count == _count)
            {
                return;
            }

            _count = count;
            former = _division;
        }

        // Not under the lock: stopping shards may read what it guards. A division that has ended meanwhile is disposed.
        former?.CancelSafely();
    }

    /// <inheritdoc/>
    public async Task RunAsync(CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            using var division = CancellationTokenSource.CreateLinkedTokenSource(stop);
            IReadOnlyList<ModuleUnit> parts;
            lock (_lock)
            {
                _division = division;
                _parts = parts = Divide(_count);
            }

            try
            {
                await Task.WhenAll([.. parts.Select(part => part.RunAsync(division.Token)), SpreadAsync(parts, division.Token)]);
            }
            finally
            {
                lock (_lock)
                {
                    _division = null;
                    _parts = [];
                }
            }
        }
    }

    private ModuleUnit[] Divide(int count)
    {
        var rivals = Enumerable
            .Range(1, Shard.MostShards)
            .Where(other => other != count)
            .SelectMany(other => Enumerable.Range(0, other).SelectMany(i => LeasesOf(new Shard(i, other))))
            .ToHashSet();
        var shards = Enumerable.Range(0, count).Select(i => new Shard(i, count)).ToList();
        rivals.ExceptWith(shards.SelectMany(LeasesOf));
        ModuleUnit[] parts = [];
        parts =
        [
            .. shards.Select(shard => new ModuleUnit(
                _module.CreateShard(shard),
                new LeaderElector(
                    _context.LeaseClient,
                    LeasesOf(shard),
                    _times,
                    _context.Logger,
                    _context.Time,
                    rivals,
                    () => Deference(parts)
                ),
                _context
            )),
        ];
        return parts;
    }

    private IReadOnlyList<string> LeasesOf(Shard shard) => _context.Options.LeaseNames(_module.Name, shard);

    /// <summary>A replica that leads several shards leaves a free Lease to others for a moment.</summary>
    private TimeSpan Deference(ModuleUnit[] parts) => parts.Count(part => part.Elector!.IsLeading) * (_times.RetryPeriod / 4);

    /// <summary>Hands a shard over, at most once per lease duration, while a ready replica leads two fewer.</summary>
    private async Task SpreadAsync(IReadOnlyList<ModuleUnit> parts, CancellationToken cancellation)
    {
        if (parts.Count > 1 && _context.Leases is { } leases && _context.Options.Candidates is { } candidates)
        {
            await Restarts.KeepRunningAsync(
                Module.Name,
                $"The rebalancing of {Module.Name}",
                () => SpreadAsync(parts, leases, candidates, cancellation),
                static _ => { },
                _context,
                cancellation
            );
        }
    }

    private async Task SpreadAsync(
        IReadOnlyList<ModuleUnit> parts,
        IInformer<Lease> leases,
        Func<string, IReadOnlyCollection<string>> candidates,
        CancellationToken cancellation
    )
    {
        while (true)
        {
            // With jitter: two replicas that hand over at the same moment would together give up too many.
            await Task.Delay(_times.LeaseDuration * (1 + Random.Shared.NextDouble()), _context.Time, cancellation)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellation.IsCancellationRequested)
            {
                return;
            }

            var ours = parts.Where(part => part.Elector!.IsLeading).ToList();
            if (ours.Count >= 2 && LeastLed(parts.Count, candidates(_module.Name), leases) is { } least && ours.Count - least >= 2)
            {
                _context.Logger.LogInformation(
                    "{Identity} leads {Ours} shards of {Module}, another replica {Least}: handing one over",
                    _times.Identity,
                    ours.Count,
                    _module.Name,
                    least
                );
                ours[^1].Elector!.HandOver();
            }
        }
    }

    /// <summary>The number of shards of the replica that leads the fewest; null while a shard has no leader, because leadership is still
    /// changing.</summary>
    private int? LeastLed(int count, IReadOnlyCollection<string> candidates, IInformer<Lease> leases)
    {
        var holders = Enumerable
            .Range(0, count)
            .Select(i => leases.Lister.Get(_times.Namespace, LeasesOf(new Shard(i, count))[0])?.Spec?.HolderIdentity ?? "")
            .ToList();
        return holders.Contains("") || candidates.Count == 0
            ? null
            : candidates.Min(candidate => holders.Count(holder => holder == candidate));
    }
}

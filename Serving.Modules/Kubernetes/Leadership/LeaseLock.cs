using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// One Lease as a candidate sees it. Invariant: another holder's claim expires only after it was unchanged for its duration by our own
/// clock; clocks of other machines are not trusted. Every write is a compare-and-swap.
/// </summary>
internal sealed class LeaseLock
{
    private readonly IKubernetesClient _client;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Lock _lock = new();
    private Sighting? _seen;
    private Lease? _looked;
    private Lease? _held;

    public LeaseLock(IKubernetesClient client, string name, ILogger logger, TimeProvider time)
    {
        _client = client;
        Name = name;
        _logger = logger;
        _time = time;
    }

    /// <summary>The name of the Lease.</summary>
    public string Name { get; }

    /// <summary>Records an observed state of the Lease, read or watched.</summary>
    public void Saw(Lease lease)
    {
        lock (_lock)
        {
            if (_seen is not { } seen || seen.Version != lease.Metadata.ResourceVersion || seen.Uid != lease.Metadata.Uid)
            {
                _seen = new Sighting(
                    lease.Metadata.ResourceVersion,
                    lease.Metadata.Uid,
                    lease.Spec?.HolderIdentity ?? "",
                    lease.Spec?.LeaseDurationSeconds,
                    _time.GetTimestamp()
                );
            }
        }
    }

    /// <summary>How long until the Lease may be acquired if nobody writes it, from its last observed state; zero when it is free, ours or
    /// does not exist.</summary>
    public TimeSpan FreeIn(LeaderElectionOptions options)
    {
        lock (_lock)
        {
            if (_seen is not { } seen || seen.Holder.Length == 0 || seen.Holder == options.Identity)
            {
                return TimeSpan.Zero;
            }

            var duration = seen.Seconds is { } seconds ? TimeSpan.FromSeconds(seconds) : options.LeaseDuration;
            var left = duration - _time.GetElapsedTime(seen.At);
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }

    /// <summary>Whether another process, one of ours or not, holds the Lease, from its last observed state.</summary>
    public bool IsHeldByOther(LeaderElectionOptions options) => FreeIn(options) > TimeSpan.Zero;

    /// <summary>Reads the Lease; returns whether it may be acquired.</summary>
    public async Task<bool> LookAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        _looked = await FindAsync(options, cancellation);
        return _looked is null || FreeIn(options) == TimeSpan.Zero;
    }

    /// <summary>Acquires the Lease in the state that <see cref="LookAsync"/> read; false when another candidate was faster.</summary>
    public Task<bool> TakeAsync(LeaderElectionOptions options, CancellationToken cancellation) =>
        WriteAsync(options, _looked, cancellation);

    /// <summary>Renews the acquired Lease; false when it is no longer ours.</summary>
    public async Task<bool> RenewAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        if (_held is not null && await WriteAsync(options, _held, cancellation))
        {
            return true;
        }

        // Another process wrote the Lease, or an earlier renewal succeeded although we got no response.
        var lease = await FindAsync(options, cancellation);
        return lease?.Spec?.HolderIdentity == options.Identity && await WriteAsync(options, lease, cancellation);
    }

    /// <summary>Releases the Lease; false when it is not ours any more. Throws as the client does.</summary>
    public async Task<bool> ReleaseAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        var lease = _held;
        _held = null;
        if (lease is not null && await TryFreeAsync(lease, cancellation))
        {
            return true;
        }

        lease = await FindAsync(options, cancellation);
        return lease?.Spec?.HolderIdentity == options.Identity && await TryFreeAsync(lease, cancellation);
    }

    private async Task<bool> TryFreeAsync(Lease lease, CancellationToken cancellation)
    {
        var now = _time.GetUtcNow();
        var free = (lease.Spec ?? new LeaseSpec()) with
        {
            HolderIdentity = "",
            LeaseDurationSeconds = 1,
            RenewTime = now,
            AcquireTime = now,
        };
        return await TrySendAsync(() => _client.UpdateAsync(Resources.Leases, lease with { Spec = free }, cancellation)) is not null;
    }

    private async Task<Lease?> FindAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        try
        {
            var lease = await _client.GetAsync(Resources.Leases, options.Namespace, Name, cancellation);
            Saw(lease);
            return lease;
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return null;
        }
    }

    private async Task<bool> WriteAsync(LeaderElectionOptions options, Lease? before, CancellationToken cancellation)
    {
        _held = await TrySendAsync(() =>
            before is null
                ? _client.CreateAsync(
                    Resources.Leases,
                    new Lease
                    {
                        Metadata = new ObjectMeta { Namespace = options.Namespace, Name = Name },
                        Spec = Claim(options, null),
                    },
                    cancellation
                )
                // The resourceVersion makes this a compare-and-swap: only one of several candidates wins.
                : _client.UpdateAsync(Resources.Leases, before with { Spec = Claim(options, before.Spec) }, cancellation)
        );
        return _held is not null;
    }

    /// <summary>The written Lease, or null when the Lease has changed.</summary>
    private async Task<Lease?> TrySendAsync(Func<Task<Lease>> send)
    {
        try
        {
            var lease = await send();
            Saw(lease);
            return lease;
        }
        catch (KubernetesException other) when (other.IsConflict || other.IsNotFound)
        {
            _logger.LogDebug("The lease {Lease} was written by another process: {Error}", Name, other.Message);
            return null;
        }
    }

    private LeaseSpec Claim(LeaderElectionOptions options, LeaseSpec? before)
    {
        var now = _time.GetUtcNow();
        var ours = before?.HolderIdentity == options.Identity;
        return (before ?? new LeaseSpec()) with
        {
            HolderIdentity = options.Identity,
            LeaseDurationSeconds = (int)Math.Ceiling(options.LeaseDuration.TotalSeconds),
            AcquireTime = ours ? before!.AcquireTime ?? now : now,
            RenewTime = now,
            LeaseTransitions = before is null ? 0 : (before.LeaseTransitions ?? 0) + (ours ? 0 : 1),
        };
    }

    private sealed record Sighting(string Version, string Uid, string Holder, int? Seconds, long At);
}

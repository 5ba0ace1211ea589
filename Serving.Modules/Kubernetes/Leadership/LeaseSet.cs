using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Leadership;

/// <summary>The Leases that one candidate needs together. Invariant: it holds all or none, and acquires them in a fixed order.</summary>
internal sealed class LeaseSet
{
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(5);

    private readonly LeaseLock[] _locks;
    private readonly RivalLeases _rivals;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private volatile bool _hasRivals;

    /// <param name="client">A client for Leases only.</param>
    /// <param name="names">The names, in the order in which every candidate acquires them.</param>
    /// <param name="rivals">Leases of which none may be held by another process.</param>
    /// <param name="logger">Logs releases.</param>
    /// <param name="time">The clock.</param>
    public LeaseSet(IKubernetesClient client, IReadOnlyList<string> names, RivalLeases rivals, ILogger logger, TimeProvider time)
    {
        _locks = [.. names.Select(name => new LeaseLock(client, name, logger, time))];
        _rivals = rivals;
        _logger = logger;
        _time = time;
    }

    /// <summary>Records an observed state of a Lease; false when it is not in the set.</summary>
    public bool Saw(string name, Lease? lease)
    {
        var known = Array.Find(_locks, candidate => candidate.Name == name);
        if (lease is not null)
        {
            known?.Saw(lease);
        }

        return known is not null;
    }

    /// <summary>How long until all may be acquired if nobody writes them, from their last observed states.</summary>
    public TimeSpan FreeIn(LeaderElectionOptions options) => _locks.Max(candidate => candidate.FreeIn(options));

    /// <summary>The Leases that other processes hold, from their last observed states.</summary>
    public IReadOnlyList<string> HeldByOthers(LeaderElectionOptions options) =>
        [.. _locks.Where(candidate => candidate.IsHeldByOther(options)).Select(static candidate => candidate.Name)];

    /// <summary>Whether other processes hold some of the Leases, or rivals did at the last attempt to acquire them.</summary>
    public bool IsBlocked(LeaderElectionOptions options) => _hasRivals || HeldByOthers(options).Count > 0;

    /// <summary>Acquires all of them or none; false when another process holds one or a rival works. Throws as the client does.</summary>
    public async Task<bool> TryTakeAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        // Read all before acquiring any: a candidate must not disturb the holder of some of them while it cannot get the others.
        var free = await Task.WhenAll(_locks.Select(candidate => candidate.LookAsync(options, cancellation)));
        _hasRivals = !free.Contains(false) && await _rivals.AreHeldAsync(options, cancellation);
        if (free.Contains(false) || _hasRivals)
        {
            return false;
        }

        var isOurs = false;
        var taken = 0;
        try
        {
            while (taken < _locks.Length && await _locks[taken].TakeAsync(options, cancellation))
            {
                taken++;
            }

            // Rivals are checked before acquiring, so as not to disturb them, and again afterwards: when two candidates acquire at the same
            // moment, at least one of them sees the other.
            isOurs = taken == _locks.Length && !await _rivals.AreHeldAsync(options, cancellation);
        }
        finally
        {
            if (!isOurs)
            {
                await ReleaseAsync(_locks.AsMemory(0, taken), options, ReleaseTimeout);
            }
        }

        return isOurs;
    }

    /// <summary>Renews all; false when one is no longer ours. Throws as the client does.</summary>
    public async Task<bool> RenewAsync(LeaderElectionOptions options, CancellationToken cancellation) =>
        !(await Task.WhenAll(_locks.Select(ours => ours.RenewAsync(options, cancellation)))).Contains(false);

    /// <summary>Releases the held Leases, last first; one that cannot be released expires.</summary>
    /// <param name="options">The identity that holds them.</param>
    /// <param name="within">The timeout for each; null for the default.</param>
    public Task ReleaseAsync(LeaderElectionOptions options, TimeSpan? within = null) =>
        ReleaseAsync(_locks, options, within ?? ReleaseTimeout);

    private async Task ReleaseAsync(ReadOnlyMemory<LeaseLock> held, LeaderElectionOptions options, TimeSpan within)
    {
        for (var i = held.Length - 1; i >= 0; i--)
        {
            var lease = held.Span[i];
            try
            {
                using var limit = new CancellationTokenSource(within, _time);
                if (await lease.ReleaseAsync(options, limit.Token))
                {
                    _logger.LogInformation("{Identity} released the lease {Lease}", options.Identity, lease.Name);
                }
            }
            catch (Exception error)
            {
                _logger.LogWarning("Releasing the lease {Lease} failed: {Error}; it will expire", lease.Name, error.Message);
            }
        }
    }
}

using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Leadership;

/// <summary>The Leases that one candidate needs together. Invariant: all are taken or none is kept, always in the same order.</summary>
internal sealed class LeaseSet
{
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(5);

    private readonly LeaseLock[] _locks;
    private readonly RivalLeases _rivals;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="client">A client for Leases alone.</param>
    /// <param name="names">The names, in the order in which every candidate takes them.</param>
    /// <param name="rivals">Leases of which none may be held by another.</param>
    /// <param name="logger">Where releases are said.</param>
    /// <param name="time">The clock.</param>
    public LeaseSet(IKubernetesClient client, IReadOnlyList<string> names, RivalLeases rivals, ILogger logger, TimeProvider time)
    {
        _locks = [.. names.Select(name => new LeaseLock(client, name, logger, time))];
        _rivals = rivals;
        _logger = logger;
        _time = time;
    }

    /// <summary>Notes a state of a Lease that was heard of; false when it is none of these.</summary>
    public bool Saw(string name, Lease? lease)
    {
        var known = Array.Find(_locks, candidate => candidate.Name == name);
        if (lease is not null)
        {
            known?.Saw(lease);
        }

        return known is not null;
    }

    /// <summary>How long until all may be taken if nobody writes them, by what was last seen.</summary>
    public TimeSpan FreeIn(LeaderElectionOptions options) => _locks.Max(candidate => candidate.FreeIn(options));

    /// <summary>Takes all, or leaves them as they are; false when one is another's or a rival works. Throws as the client does.</summary>
    public async Task<bool> TryTakeAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        // Looked at before any is taken: whoever holds some of them goes on undisturbed while another is out of reach.
        var free = await Task.WhenAll(_locks.Select(candidate => candidate.LookAsync(options, cancellation)));
        if (free.Contains(false) || await _rivals.AreHeldAsync(options, cancellation))
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

            // Rivals are looked at before ours are taken, to leave them in peace, and after: of two that take theirs at the same moment at
            // least one sees the other.
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

    /// <summary>Gives back what is ours, the last first; what cannot be given back expires by itself.</summary>
    /// <param name="options">Whose they are.</param>
    /// <param name="within">How long each may take; null for the usual time.</param>
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
                _logger.LogWarning("Releasing the lease {Lease}: {Error}; it expires by itself", lease.Name, error.Message);
            }
        }
    }
}

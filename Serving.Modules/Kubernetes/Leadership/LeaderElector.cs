using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// Holds one Lease when it can, and works while it does. Invariants: another's Lease is only taken after it was seen
/// unchanged for its duration by our own clock, and ours is given up before others may take it. No clock of another
/// machine is believed.
/// </summary>
public sealed class LeaderElector
{
    private readonly IKubernetesClient _client;
    private readonly string _lease;
    private volatile LeaderElectionOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private Lease? _seen;
    private long _seenAt;
    private volatile bool _leading;

    /// <param name="client">A client for Leases alone (<see cref="KubernetesClient.CreateLeaseClient"/>).</param>
    /// <param name="lease">The name of the Lease.</param>
    /// <param name="options">Whose name to hold it in, and the times.</param>
    /// <param name="logger">Where terms are said.</param>
    /// <param name="time">The clock.</param>
    public LeaderElector(IKubernetesClient client, string lease, LeaderElectionOptions options, ILogger logger, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentException.ThrowIfNullOrEmpty(lease);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        options.Validate();
        _client = client;
        _lease = lease;
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Whether the Lease is ours now.</summary>
    public bool IsLeading => _leading;

    /// <summary>
    /// Takes over other times, from the next attempt or renewal on; who we are and where the Leases are stays. Safe while leading:
    /// the Lease says how long others must wait, and the term takes its deadline from the renewal that said so.
    /// </summary>
    public void ChangeTimes(LeaderElectionOptions times)
    {
        ArgumentNullException.ThrowIfNull(times);
        times.Validate();
        _options = _options with { LeaseDuration = times.LeaseDuration, RenewDeadline = times.RenewDeadline, RetryPeriod = times.RetryPeriod };
    }

    /// <summary>
    /// Competes for the Lease until cancelled; runs <paramref name="work"/> once a term, with the term and a token that is
    /// cancelled when it must stop. The Lease is released when the work ended because of <paramref name="cancellation"/>.
    /// </summary>
    public async Task RunAsync(Func<LeaderTerm, CancellationToken, Task> work, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(work);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var term = await AcquireAsync(cancellation).ConfigureAwait(false);
                await LeadAsync(term, work, cancellation).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task<LeaderTerm> AcquireAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var options = _options;
            var sent = _time.GetTimestamp();
            try
            {
                if (await TryTakeAsync(options, cancellation).ConfigureAwait(false))
                {
                    _logger.LogInformation("{Identity} holds the lease {Lease}", options.Identity, _lease);
                    return new LeaderTerm(_lease, options.RenewDeadline, sent, _time);
                }
            }
            catch (KubernetesException error)
            {
                _logger.LogDebug("Trying to take the lease {Lease}: {Error}", _lease, error.Message);
            }

            await Task.Delay(Jittered(_options.RetryPeriod), _time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task LeadAsync(LeaderTerm term, Func<LeaderTerm, CancellationToken, Task> work, CancellationToken cancellation)
    {
        _leading = true;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(term.Token, cancellation);
        using var renewing = new CancellationTokenSource();
        var renewals = RenewAsync(term, renewing.Token);
        try
        {
            await work(term, stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The work stopped as it was told.
        }
        finally
        {
            _leading = false;

            // Renewed until the work has ended, so that nobody else begins while ours still drains.
            await renewing.CancelAsync().ConfigureAwait(false);
            await renewals.ConfigureAwait(false);
        }

        if (term.IsHeld)
        {
            await ReleaseAsync().ConfigureAwait(false);
        }
        else
        {
            _logger.LogWarning("{Identity} lost the lease {Lease}", _options.Identity, _lease);
        }
    }

    private async Task RenewAsync(LeaderTerm term, CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                await Task.Delay(_options.RetryPeriod, _time, cancellation).ConfigureAwait(false);
                var options = _options;
                var sent = _time.GetTimestamp();
                term.Renewing(sent, options.RenewDeadline);
                try
                {
                    if (!term.IsHeld || !await TryTakeAsync(options, cancellation).ConfigureAwait(false))
                    {
                        term.End();
                        return;
                    }

                    term.Renewed(sent, options.RenewDeadline);
                }
                catch (KubernetesException error)
                {
                    _logger.LogWarning("Renewing the lease {Lease}: {Error}", _lease, error.Message);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The term ended.
        }
    }

    /// <summary>Creates, takes or renews the Lease; false when it is another's.</summary>
    private async Task<bool> TryTakeAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        Lease lease;
        try
        {
            lease = await _client.GetAsync(Resources.Leases, options.Namespace, _lease, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            var created = new Lease { Metadata = new ObjectMeta { Namespace = options.Namespace, Name = _lease }, Spec = Claim(options, null) };
            Saw(await _client.CreateAsync(Resources.Leases, created, cancellation).ConfigureAwait(false));
            return true;
        }

        Saw(lease);
        var holder = lease.Spec?.HolderIdentity ?? "";
        if (holder.Length > 0 && holder != options.Identity && !Expired(lease))
        {
            return false;
        }

        try
        {
            // The resourceVersion makes this a compare-and-swap: of several candidates one wins.
            Saw(await _client.UpdateAsync(Resources.Leases, lease with { Spec = Claim(options, lease.Spec) }, cancellation).ConfigureAwait(false));
            return true;
        }
        catch (KubernetesException conflict) when (conflict.IsConflict)
        {
            _logger.LogDebug("The lease {Lease} was written by another: {Error}", _lease, conflict.Message);
            return false;
        }
    }

    private async Task ReleaseAsync()
    {
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(5), _time);
            var lease = await _client.GetAsync(Resources.Leases, _options.Namespace, _lease, limit.Token).ConfigureAwait(false);
            if (lease.Spec?.HolderIdentity == _options.Identity)
            {
                var now = _time.GetUtcNow();
                var free = lease.Spec with { HolderIdentity = "", LeaseDurationSeconds = 1, RenewTime = now, AcquireTime = now };
                await _client.UpdateAsync(Resources.Leases, lease with { Spec = free }, limit.Token).ConfigureAwait(false);
                _logger.LogInformation("{Identity} released the lease {Lease}", _options.Identity, _lease);
            }
        }
        catch (Exception error) when (error is KubernetesException or OperationCanceledException)
        {
            _logger.LogWarning("Releasing the lease {Lease}: {Error}; it expires by itself", _lease, error.Message);
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

    private void Saw(Lease lease)
    {
        if (_seen is null || _seen.Metadata.ResourceVersion != lease.Metadata.ResourceVersion || _seen.Metadata.Uid != lease.Metadata.Uid)
        {
            _seen = lease;
            _seenAt = _time.GetTimestamp();
        }
    }

    private bool Expired(Lease lease)
    {
        var seconds = lease.Spec?.LeaseDurationSeconds ?? (int)Math.Ceiling(_options.LeaseDuration.TotalSeconds);
        return _time.GetElapsedTime(_seenAt) >= TimeSpan.FromSeconds(seconds);
    }

    private static TimeSpan Jittered(TimeSpan period) => period * (1 + (Random.Shared.NextDouble() * 0.2));
}

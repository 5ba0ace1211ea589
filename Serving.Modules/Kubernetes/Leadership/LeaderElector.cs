using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes;

/// <summary>
/// Holds a set of Leases when it can, and works while all of them are held. Invariants: all are taken or none is kept, always in
/// the same order; the work ends before others may take the first of them.
/// </summary>
public sealed class LeaderElector
{
    private static readonly TimeSpan ReleaseTimeout = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestStagger = TimeSpan.FromMilliseconds(200);

    private readonly IKubernetesClient _client;
    private readonly LeaseLock[] _locks;
    private readonly IReadOnlySet<string> _rivals;
    private readonly Dictionary<string, LeaseLock> _rivalLocks = [];
    private readonly Func<TimeSpan>? _deference;
    private readonly string _names;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly Heartbeat _heartbeat;
    private volatile LeaderElectionOptions _options;
    private volatile bool _leading;
    private volatile CancellationTokenSource? _handOver;

    /// <param name="client">A client for Leases alone (<see cref="KubernetesClient.CreateLeaseClient"/>).</param>
    /// <param name="leases">The names of the Leases, one or more, in the order in which every candidate takes them.</param>
    /// <param name="options">Whose name to hold them in, and the times.</param>
    /// <param name="logger">Where terms are said.</param>
    /// <param name="time">The clock.</param>
    /// <param name="rivals">The names of Leases under which others do the same work, divided otherwise: nobody works while one of these is held.</param>
    /// <param name="deference">How much longer than others to wait before taking what is free; null for not at all.</param>
    public LeaderElector(
        IKubernetesClient client, IReadOnlyList<string> leases, LeaderElectionOptions options, ILogger logger, TimeProvider? time = null,
        IReadOnlySet<string>? rivals = null, Func<TimeSpan>? deference = null)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(leases);
        ArgumentOutOfRangeException.ThrowIfZero(leases.Count);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        options.Validate();
        _client = client;
        _rivals = rivals ?? new HashSet<string>();
        _deference = deference;
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _names = string.Join(", ", leases);
        _heartbeat = new Heartbeat($"the candidature for {_names}", Patience, _time);
        _locks = [.. leases.Select(name => new LeaseLock(client, name, logger, _time))];
    }

    /// <summary>Whether the Leases are ours now.</summary>
    public bool IsLeading => _leading;

    /// <summary>Null while it tries, renews or waits for the work of a lost term to end; else since when it does none of these.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

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

    /// <summary>Ends the term under way as a stop would, so that another may lead, and stands back for a while; nothing happens to one that does not lead.</summary>
    public void HandOver()
    {
        try
        {
            _handOver?.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // The term ended by itself meanwhile.
        }
    }

    /// <summary>
    /// Competes for the Leases until cancelled; runs <paramref name="work"/> once a term, with the term and a token that is
    /// cancelled when it must stop. What is still ours when the work has ended is released.
    /// </summary>
    /// <param name="work">What the leader does.</param>
    /// <param name="leases">Tells of changes to Leases, so that a released one is taken at once; null to only look every retry period.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task RunAsync(Func<LeaderTerm, CancellationToken, Task> work, IInformer<Lease>? leases, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var registration = leases?.AddHandler(OnLease);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var term = await AcquireAsync(cancellation).ConfigureAwait(false);
                if (await LeadAsync(term, work, cancellation).ConfigureAwait(false))
                {
                    await Task.Delay(_options.LeaseDuration, _time, cancellation).ConfigureAwait(false);
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                break;
            }
        }

        _heartbeat.Rest();
    }

    private void OnLease(Change<Lease> change)
    {
        if (change.Key.Namespace != _options.Namespace || Array.Find(_locks, candidate => candidate.Name == change.Key.Name) is not { } known)
        {
            return;
        }

        if (change.New is { } lease)
        {
            known.Saw(lease);
        }

        if (string.IsNullOrEmpty(change.New?.Spec?.HolderIdentity))
        {
            _news.Writer.TryWrite(true);
        }
    }

    private async Task<LeaderTerm> AcquireAsync(CancellationToken cancellation)
    {
        while (true)
        {
            _heartbeat.Beat();
            _news.Reader.TryRead(out _);
            var options = _options;
            var sent = _time.GetTimestamp();
            try
            {
                using var limit = Limit(options);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
                if (await TryTakeAllAsync(options, either.Token).ConfigureAwait(false))
                {
                    _logger.LogInformation("{Identity} holds the lease {Lease}", options.Identity, _names);
                    return new LeaderTerm(_names, options.RenewDeadline, sent, _time);
                }
            }
            catch (KubernetesException error)
            {
                _logger.LogDebug("Trying to take the lease {Lease}: {Error}", _names, error.Message);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                _logger.LogDebug("Trying to take the lease {Lease} took too long", _names);
            }

            await PauseAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Until the next look: a retry period, or sooner when the Leases expire or one is said to be free; never at the same moment as every other candidate.</summary>
    private async Task PauseAsync(CancellationToken cancellation)
    {
        var options = _options;
        var stagger = Stagger(options) + (_deference?.Invoke() ?? TimeSpan.Zero);
        var pause = options.RetryPeriod * (1 + (Random.Shared.NextDouble() * 0.2));
        var expiry = _locks.Max(candidate => candidate.FreeIn(options));
        if (expiry > TimeSpan.Zero && expiry + stagger < pause)
        {
            pause = expiry + stagger;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var news = _news.Reader.WaitToReadAsync(over.Token).AsTask();
        var hasNews = await Task.WhenAny(news, Task.Delay(pause, _time, over.Token)).ConfigureAwait(false) == news;
        await over.CancelAsync().ConfigureAwait(false);
        cancellation.ThrowIfCancellationRequested();
        if (hasNews)
        {
            await Task.Delay(stagger, _time, cancellation).ConfigureAwait(false);
        }
    }

    private async Task<bool> TryTakeAllAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        // Looked at before any is taken: whoever holds some of them goes on undisturbed while another is out of reach.
        var free = await Task.WhenAll(_locks.Select(candidate => candidate.LookAsync(options, cancellation))).ConfigureAwait(false);
        if (free.Contains(false) || await IsRivalHeldAsync(options, cancellation).ConfigureAwait(false))
        {
            return false;
        }

        for (var taken = 0; taken < _locks.Length; taken++)
        {
            var isOurs = false;
            try
            {
                isOurs = await _locks[taken].TakeAsync(options, cancellation).ConfigureAwait(false);
            }
            finally
            {
                if (!isOurs)
                {
                    await ReleaseAsync(_locks.AsMemory(0, taken), ReleaseTimeout).ConfigureAwait(false);
                }
            }

            if (!isOurs)
            {
                return false;
            }
        }

        var hasRivals = true;
        try
        {
            hasRivals = await IsRivalHeldAsync(options, cancellation).ConfigureAwait(false);
        }
        finally
        {
            if (hasRivals)
            {
                await ReleaseAsync(_locks, ReleaseTimeout).ConfigureAwait(false);
            }
        }

        return !hasRivals;
    }

    /// <summary>
    /// Looked at before ours are taken, to leave a rival in peace, and after: of two that take theirs at the same moment at least one sees the other.
    /// </summary>
    private async Task<bool> IsRivalHeldAsync(LeaderElectionOptions options, CancellationToken cancellation)
    {
        if (_rivals.Count == 0)
        {
            return false;
        }

        var held = false;
        foreach (var lease in (await _client.ListAsync(Resources.Leases, options.Namespace, null, cancellation).ConfigureAwait(false)).Items)
        {
            var name = lease.Metadata.Name;
            if (!_rivals.Contains(name))
            {
                continue;
            }

            if (!_rivalLocks.TryGetValue(name, out var known))
            {
                _rivalLocks[name] = known = new LeaseLock(_client, name, _logger, _time);
            }

            known.Saw(lease);
            held |= known.FreeIn(options) > TimeSpan.Zero;
        }

        return held;
    }

    /// <summary>Works for a term; tells whether it ended because it is to be handed over.</summary>
    private async Task<bool> LeadAsync(LeaderTerm term, Func<LeaderTerm, CancellationToken, Task> work, CancellationToken cancellation)
    {
        using var handOver = new CancellationTokenSource();
        _handOver = handOver;
        _leading = true;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(term.Token, handOver.Token, cancellation);
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
            _handOver = null;

            // Renewed until the work has ended, so that nobody else begins while ours still drains.
            await renewing.CancelAsync().ConfigureAwait(false);
            await renewals.ConfigureAwait(false);
        }

        var isHeld = term.IsHeld;
        if (!isHeld)
        {
            _logger.LogWarning("{Identity} lost the lease {Lease}", _options.Identity, _names);
        }

        await ReleaseAsync(_locks, isHeld ? ReleaseTimeout : _options.RetryPeriod).ConfigureAwait(false);
        return handOver.IsCancellationRequested;
    }

    private async Task RenewAsync(LeaderTerm term, CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                _heartbeat.Beat();
                await Task.Delay(_options.RetryPeriod, _time, cancellation).ConfigureAwait(false);
                var options = _options;

                // Of several Leases the earliest deadline counts, which is that of the moment before the first is sent.
                var sent = _time.GetTimestamp();
                term.Renewing(sent, options.RenewDeadline);
                if (!term.IsHeld || !await TryRenewAsync(term, options, sent, cancellation).ConfigureAwait(false))
                {
                    term.End();
                    return;
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The term ended.
        }
        finally
        {
            _heartbeat.Rest();
        }
    }

    /// <summary>Renews all; false when one is no longer ours. A renewal that fails is no renewal, and is tried again while the term lasts.</summary>
    private async Task<bool> TryRenewAsync(LeaderTerm term, LeaderElectionOptions options, long sent, CancellationToken cancellation)
    {
        try
        {
            using var limit = Limit(options);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, term.Token, cancellation);
            var held = await Task.WhenAll(_locks.Select(ours => ours.RenewAsync(options, either.Token))).ConfigureAwait(false);
            if (held.Contains(false))
            {
                return false;
            }

            term.Renewed(sent, options.RenewDeadline);
        }
        catch (KubernetesException error)
        {
            _logger.LogWarning("Renewing the lease {Lease}: {Error}", _names, error.Message);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            _logger.LogWarning("Renewing the lease {Lease} took too long", _names);
        }

        return true;
    }

    private async Task ReleaseAsync(ReadOnlyMemory<LeaseLock> held, TimeSpan within)
    {
        for (var i = held.Length - 1; i >= 0; i--)
        {
            var lease = held.Span[i];
            try
            {
                using var limit = new CancellationTokenSource(within, _time);
                if (await lease.ReleaseAsync(_options, limit.Token).ConfigureAwait(false))
                {
                    _logger.LogInformation("{Identity} released the lease {Lease}", _options.Identity, lease.Name);
                }
            }
            catch (Exception error) when (error is KubernetesException or OperationCanceledException)
            {
                _logger.LogWarning("Releasing the lease {Lease}: {Error}; it expires by itself", lease.Name, error.Message);
            }
        }
    }

    /// <summary>One attempt may take half of the deadline, so that there is time for another.</summary>
    private CancellationTokenSource Limit(LeaderElectionOptions options) => new(options.RenewDeadline / 2, _time);

    private static TimeSpan Stagger(LeaderElectionOptions options)
    {
        var most = options.RetryPeriod / 10;
        return (most < LongestStagger ? most : LongestStagger) * Random.Shared.NextDouble();
    }
}

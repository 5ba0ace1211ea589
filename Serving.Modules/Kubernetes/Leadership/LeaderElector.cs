using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// Holds a set of Leases when it can, and works while all of them are held. Invariants: all are taken or none is kept, always in
/// the same order; the work ends before others may take the first of them.
/// </summary>
public sealed class LeaderElector
{
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestStagger = TimeSpan.FromMilliseconds(200);

    private readonly IKubernetesClient _client;
    private readonly LeaseSet _leases;
    private readonly Func<TimeSpan>? _deference;
    private readonly string _names;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly Channel<bool> _news = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly Heartbeat _heartbeat;
    private volatile LeaderElectionOptions _options;
    private volatile bool _leading;
    private volatile CancellationTokenSource? _handOver;

    /// <param name="client">A client for Leases alone (<see cref="ClusterClient.CreateLeaseClient"/>).</param>
    /// <param name="leases">The names of the Leases, one or more, in the order in which every candidate takes them.</param>
    /// <param name="options">Whose name to hold them in, and the times.</param>
    /// <param name="logger">Where terms are said.</param>
    /// <param name="time">The clock.</param>
    /// <param name="rivals">The names of Leases under which others do the same work, divided otherwise: nobody works while one of these is
    /// held.</param>
    /// <param name="deference">How much longer than others to wait before taking what is free; null for not at all.</param>
    public LeaderElector(
        IKubernetesClient client,
        IReadOnlyList<string> leases,
        LeaderElectionOptions options,
        ILogger logger,
        TimeProvider? time = null,
        IReadOnlySet<string>? rivals = null,
        Func<TimeSpan>? deference = null
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(leases);
        ArgumentOutOfRangeException.ThrowIfZero(leases.Count);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(logger);
        options.Validate();
        _client = client;
        _deference = deference;
        _options = options;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _names = string.Join(", ", leases);
        _heartbeat = new Heartbeat($"the candidature for {_names}", StuckAfter, _time);
        _leases = new LeaseSet(client, leases, new RivalLeases(client, rivals ?? new HashSet<string>(), logger, _time), logger, _time);
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
        _options = _options with
        {
            LeaseDuration = times.LeaseDuration,
            RenewDeadline = times.RenewDeadline,
            RetryPeriod = times.RetryPeriod,
        };
    }

    /// <summary>Ends the term under way as a stop would, so that another may lead, and stands back for a while; nothing happens to one that
    /// does not lead.</summary>
    public void HandOver() => _handOver?.CancelSafely();

    /// <summary>
    /// Competes for the Leases until cancelled; runs <paramref name="work"/> once a term, with the term and a token that is
    /// cancelled when it must stop. What is still ours when the work has ended is released.
    /// </summary>
    /// <param name="work">What the leader does.</param>
    /// <param name="leases">Tells of changes to Leases, so that a released one is taken at once; null to only look every retry
    /// period.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task RunAsync(Func<LeaderTerm, CancellationToken, Task> work, IInformer<Lease>? leases, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var registration = leases?.AddHandler(OnLease);
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                using var term = await AcquireAsync(cancellation);
                if (await LeadAsync(term, work, cancellation))
                {
                    await Task.Delay(_options.LeaseDuration, _time, cancellation);
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                break;
            }
        }

        _heartbeat.Idle();
    }

    private void OnLease(Change<Lease> change)
    {
        if (
            change.Key.Namespace == _options.Namespace
            && _leases.Saw(change.Key.Name, change.New)
            && string.IsNullOrEmpty(change.New?.Spec?.HolderIdentity)
        )
        {
            _news.Writer.TryWrite(true);
        }
    }

    /// <summary>Tries until the Leases are held. Whatever goes wrong with a try, credentials included, the next one follows: nothing but
    /// the end of the process ends a candidature.</summary>
    private async Task<LeaderTerm> AcquireAsync(CancellationToken cancellation)
    {
        var failures = 0;
        while (true)
        {
            _heartbeat.Beat();
            _news.Reader.TryRead(out _);
            var answered = Task.CompletedTask;
            var options = _options;
            var sent = _time.GetTimestamp();
            try
            {
                using var limit = Limit(options);
                using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
                if (await _leases.TryTakeAsync(options, either.Token))
                {
                    _logger.LogInformation("{Identity} holds the lease {Lease}", options.Identity, _names);
                    return new LeaderTerm(_names, options.RenewDeadline, sent, _time);
                }

                failures = 0;
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                throw;
            }
            catch (Exception error)
            {
                answered = error is KubernetesException { IsUnreachable: true } or OperationCanceledException
                    ? _client.NextResponse
                    : answered;
                _logger.Log(
                    ++failures is 1 or 5 || failures % 50 == 0 ? LogLevel.Warning : LogLevel.Debug,
                    error is KubernetesException or OperationCanceledException ? null : error,
                    "Trying to take the lease {Lease} (failed {Failures} times): {Error}",
                    _names,
                    failures,
                    error.Message
                );
            }

            await PauseAsync(answered, cancellation);
        }
    }

    /// <summary>
    /// Until the next look: a retry period, or sooner when the Leases expire, one is said to be free or the server that was away is back;
    /// never at the same moment as every other candidate.
    /// </summary>
    /// <param name="answered">Tells that the server is back; completed when it was not away.</param>
    /// <param name="cancellation">Ends it.</param>
    private async Task PauseAsync(Task answered, CancellationToken cancellation)
    {
        var options = _options;
        var stagger = Stagger(options) + (_deference?.Invoke() ?? TimeSpan.Zero);
        var pause = options.RetryPeriod * (1 + (Random.Shared.NextDouble() * 0.2));
        var expiry = _leases.FreeIn(options);
        if (expiry > TimeSpan.Zero && expiry + stagger < pause)
        {
            pause = expiry + stagger;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        List<Task> ends = [Task.Delay(pause, _time, over.Token), _news.Reader.WaitToReadAsync(over.Token).AsTask()];
        if (!answered.IsCompleted)
        {
            ends.Add(answered);
        }

        var isEarly = await Task.WhenAny(ends) != ends[0];
        await over.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
        if (isEarly)
        {
            await Task.Delay(stagger, _time, cancellation);
        }
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
            await work(term, stop.Token);
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
            await renewing.CancelAsync();
            await renewals;
            var isHeld = term.IsHeld;
            if (!isHeld)
            {
                _logger.LogWarning("{Identity} lost the lease {Lease}", _options.Identity, _names);
            }

            await _leases.ReleaseAsync(_options, isHeld ? null : _options.RetryPeriod);
        }

        return handOver.IsCancellationRequested;
    }

    private async Task RenewAsync(LeaderTerm term, CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                _heartbeat.Beat();
                await Task.Delay(_options.RetryPeriod, _time, cancellation);
                var options = _options;

                // Of several Leases the earliest deadline counts, which is that of the moment before the first is sent.
                var sent = _time.GetTimestamp();
                term.Renewing(sent, options.RenewDeadline);
                if (!term.IsHeld || !await TryRenewAsync(term, options, sent, cancellation))
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
            _heartbeat.Idle();
        }
    }

    /// <summary>Renews all; false when one is no longer ours. A renewal that fails is no renewal, and is tried again while the term
    /// lasts.</summary>
    private async Task<bool> TryRenewAsync(LeaderTerm term, LeaderElectionOptions options, long sent, CancellationToken cancellation)
    {
        try
        {
            using var limit = Limit(options);
            using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, term.Token, cancellation);
            if (!await _leases.RenewAsync(options, either.Token))
            {
                return false;
            }

            term.Renewed(sent, options.RenewDeadline);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (OperationCanceledException)
        {
            _logger.LogWarning("Renewing the lease {Lease} took too long", _names);
        }
        catch (Exception error)
        {
            _logger.LogWarning(error is KubernetesException ? null : error, "Renewing the lease {Lease}: {Error}", _names, error.Message);
        }

        return true;
    }

    /// <summary>One attempt may take half of the deadline, so that there is time for another.</summary>
    private CancellationTokenSource Limit(LeaderElectionOptions options) => new(options.RenewDeadline / 2, _time);

    private static TimeSpan Stagger(LeaderElectionOptions options)
    {
        var most = options.RetryPeriod / 10;
        return (most < LongestStagger ? most : LongestStagger) * Random.Shared.NextDouble();
    }
}

using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Api.Core;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;

namespace Serving.Kubernetes.Leadership;

/// <summary>
/// Competes for a set of Leases, and works while it holds all of them. Invariants: it holds all of them or none, and acquires them always
/// in the same order; the work ends before another candidate may acquire the first of them.
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

    /// <param name="client">A client for Leases only (<see cref="ClusterClient.CreateLeaseClient"/>).</param>
    /// <param name="leases">The names of the Leases, one or more, in the order in which every candidate acquires them.</param>
    /// <param name="options">The identity that holds them, and the times.</param>
    /// <param name="logger">Logs terms.</param>
    /// <param name="time">The clock.</param>
    /// <param name="rivals">The names of Leases of another division into shards: this candidate does not work while another process holds
    /// one of them.</param>
    /// <param name="deference">How much longer than other candidates to wait before acquiring a free Lease; null for no longer.</param>
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
        Leases = leases;
        _names = string.Join(", ", leases);
        _heartbeat = new Heartbeat($"the candidacy for {_names}", StuckAfter, _time);
        _leases = new LeaseSet(client, leases, new RivalLeases(client, rivals ?? new HashSet<string>(), logger, _time), logger, _time);
    }

    /// <summary>The names of the Leases.</summary>
    public IReadOnlyList<string> Leases { get; }

    /// <summary>Whether this process holds the Leases.</summary>
    public bool IsLeading => _leading;

    /// <summary>Those of the Leases that other processes hold, ours or not, as far as this candidate knows.</summary>
    public IReadOnlyList<string> HeldByOthers => _leases.HeldByOthers(_options);

    /// <summary>Whether this candidate waits for other processes, which hold some of the Leases or rivals of them.</summary>
    public bool IsBlocked => !_leading && _leases.IsBlocked(_options);

    /// <summary>Null while it acquires, renews or waits for the work of a lost term to end; otherwise how long it has done none of
    /// these.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>
    /// Changes the times, effective with the next attempt or renewal; identity and namespace do not change. Safe while leading: the Lease
    /// contains the duration that other candidates wait, and the term takes its deadline from the renewal that wrote it.
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

    /// <summary>Ends the current term like a stop, so that another candidate can lead, and pauses its own candidacy for a while; does
    /// nothing when it does not lead.</summary>
    public void HandOver() => _handOver?.CancelSafely();

    /// <summary>
    /// Competes for the Leases until cancelled. Runs <paramref name="work"/> once per term, with the term and a token that is cancelled
    /// when the work must stop. Leases still held when the work has ended are released.
    /// </summary>
    /// <param name="work">The leader's work.</param>
    /// <param name="leases">Delivers changes of Leases, so that a released Lease is acquired at once; null to check only every retry
    /// period.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task RunAsync(Func<LeaderTerm, CancellationToken, Task> work, IInformer<Lease>? leases, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(work);
        using var registration = leases?.AddHandler(OnLease);
        LeaseMetrics.Open(this);
        try
        {
            await CompeteAsync(work, cancellation);
        }
        finally
        {
            LeaseMetrics.Close(this);
            _heartbeat.Idle();
        }
    }

    private async Task CompeteAsync(Func<LeaderTerm, CancellationToken, Task> work, CancellationToken cancellation)
    {
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
                return;
            }
        }
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

    /// <summary>Tries until it holds the Leases. Every failure, including one of credentials, is followed by another try: only the end of
    /// the process ends a candidacy.</summary>
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
                    "Acquiring the lease {Lease} failed ({Failures} times): {Error}",
                    _names,
                    failures,
                    error.Message
                );
            }

            await PauseAsync(answered, cancellation);
        }
    }

    /// <summary>
    /// Waits for the next try: a retry period, or less when the Leases expire, one of them is released, or the unreachable server responds
    /// again. Jitter keeps candidates from trying at the same moment.
    /// </summary>
    /// <param name="answered">Completes when the server responds again; already completed when it was reachable.</param>
    /// <param name="cancellation">Cancels the wait.</param>
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

    /// <summary>Works for one term; returns whether it ended because of a handover.</summary>
    private async Task<bool> LeadAsync(LeaderTerm term, Func<LeaderTerm, CancellationToken, Task> work, CancellationToken cancellation)
    {
        using var handOver = new CancellationTokenSource();
        _handOver = handOver;
        _leading = true;
        LeaseMetrics.Changed(this, LeaseMetrics.Acquired);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(term.Token, handOver.Token, cancellation);
        using var renewing = new CancellationTokenSource();
        var renewals = RenewAsync(term, renewing.Token);
        try
        {
            await work(term, stop.Token);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // The work stopped because it was cancelled.
        }
        finally
        {
            _leading = false;
            _handOver = null;

            // Renew until the work has ended, so that no other candidate starts while ours drains.
            await renewing.CancelAsync();
            await renewals;
            var isHeld = term.IsHeld;
            LeaseMetrics.Changed(this, isHeld ? LeaseMetrics.Released : LeaseMetrics.Lost);
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

                // The earliest deadline of all Leases counts, so take the time before the first renewal is sent.
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

    /// <summary>Renews all; false when another process holds one of them. A failed renewal does not extend the term, and is retried while
    /// the term lasts.</summary>
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
            _logger.LogWarning("Renewing the lease {Lease} timed out", _names);
        }
        catch (Exception error)
        {
            _logger.LogWarning(error is KubernetesException ? null : error, "Renewing the lease {Lease}: {Error}", _names, error.Message);
        }

        return true;
    }

    /// <summary>One attempt may take half of the renew deadline, which leaves time for another.</summary>
    private CancellationTokenSource Limit(LeaderElectionOptions options) => new(options.RenewDeadline / 2, _time);

    private static TimeSpan Stagger(LeaderElectionOptions options)
    {
        var most = options.RetryPeriod / 10;
        return (most < LongestStagger ? most : LongestStagger) * Random.Shared.NextDouble();
    }
}

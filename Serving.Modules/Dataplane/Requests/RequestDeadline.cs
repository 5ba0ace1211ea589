using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Concurrency;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Ends a request that exceeds its <see cref="RequestTimeouts"/> by cancelling <see cref="Token"/>, which is also cancelled when the client
/// disconnects. Instances are pooled: rent one per request and return it when the request completes. Invariant: after completion or
/// disposal its timer neither touches the request nor throws, even if it is firing at that moment.
/// </summary>
/// <remarks>
/// On a timeout the client sees what Knative's queue-proxy and activator send: 504 if the response has not started; otherwise the error
/// text is appended to the body, which then ends normally. A response with a Content-Length is aborted instead, since only that shows that
/// bytes are missing, and gRPC gets a status. An upgraded request ends with its connection.
/// </remarks>
public sealed class RequestDeadline : IDisposable
{
    private const int MaxPooled = 1024;

    // A response whose client reads nothing cannot be completed, only aborted.
    private static readonly TimeSpan EndGrace = TimeSpan.FromSeconds(5);

    private static readonly ConcurrentQueue<RequestDeadline> Pool = new();

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly BackgroundTimer _timer;
    private readonly Action<bool> _onTransferred;
    private readonly CancellationTokenSource _cancellation = new();
    private CancellationTokenRegistration _client;
    private HttpContext? _context;
    private RequestTimeouts _timeouts;
    private long _started;
    private long _lastTransfer;
    private bool _expired;
    private volatile bool _begun;

    private RequestDeadline(TimeProvider time)
    {
        _time = time;
        _onTransferred = OnTransferred;
        _timer = BackgroundTimer.Once(time, "The time-out of a request", Check);
    }

    /// <summary>Cancelled on a timeout or when the client disconnects.</summary>
    public CancellationToken Token => _cancellation.Token;

    /// <summary>When the request started, a timestamp of the time provider.</summary>
    public long Started => _started;

    /// <summary>Observes the upgrade of the request; null when the request does not ask for one.</summary>
    public UpgradeWatch? Upgrade { get; private set; }

    /// <summary>Whether the request timed out.</summary>
    public bool Expired
    {
        get
        {
            lock (_lock)
                return _expired;
        }
    }

    /// <summary>Starts the timeouts of a request.</summary>
    public static RequestDeadline Start(HttpContext context, in RequestTimeouts timeouts, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(time);
        if (time != TimeProvider.System || !Pool.TryDequeue(out var deadline))
            deadline = new RequestDeadline(time);
        deadline.Begin(context, timeouts);
        return deadline;
    }

    /// <summary>
    /// Stops the timeouts. If the request timed out before its response was complete, ends the response with <paramref name="body"/>: as a
    /// 504, or appended to what was already written. Nothing else may write to the response afterwards. Throws what the response throws;
    /// the timeouts are stopped all the same.
    /// </summary>
    /// <param name="whole">Whether the response is complete, in which case a timeout is ignored.</param>
    /// <param name="body">The error text.</param>
    public async ValueTask CompleteAsync(bool whole, string body)
    {
        HttpContext context;
        bool expired;
        lock (_lock)
        {
            context = _context!;
            expired = _expired;
            if (!expired)
                _context = null;
        }

        if (expired)
        {
            try
            {
                if (!whole && !context.RequestAborted.IsCancellationRequested)
                    await EndResponseAsync(context, body);
            }
            finally
            {
                lock (_lock)
                    _context = null;
                await _timer.DisposeAsync();
                await _client.DisposeAsync();
                Upgrade = null;
                Dispose();
            }

            return;
        }

        _timer.Disarm();
        await _client.DisposeAsync();
        Upgrade = null;
        if (_time == TimeProvider.System && Pool.Count < MaxPooled && _cancellation.TryReset())
            Pool.Enqueue(this);
        else
            Dispose();
    }

    /// <summary>Stops the timeouts without ending the response. <see cref="CompleteAsync"/> does so itself.</summary>
    public void Dispose()
    {
        lock (_lock)
            _context = null;
        _timer.Dispose();
        _client.Dispose();
        _cancellation.Dispose();
    }

    private void Begin(HttpContext context, in RequestTimeouts timeouts)
    {
        lock (_lock)
        {
            _context = context;
            _timeouts = timeouts;
            _expired = _begun = false;
            _started = _lastTransfer = _time.GetTimestamp();
        }

        _client = context.RequestAborted.UnsafeRegister(static state => ((CancellationTokenSource)state!).CancelSafely(), _cancellation);
        Upgrade = UpgradeWatch.Of(context);
        if (Upgrade is not null)
        {
            Upgrade.Upgraded += OnUpgraded;
            if (timeouts.Idle > TimeSpan.Zero || timeouts.ResponseStart > TimeSpan.Zero)
                Upgrade.Transferred += _onTransferred;
        }

        if (timeouts.Idle > TimeSpan.Zero)
            WatchBody(context);
        if (Next(TimeSpan.Zero, TimeSpan.Zero, started: false) is { } due)
            _timer.Arm(due);
    }

    private void WatchBody(HttpContext context)
    {
        var body = context.Features.Get<IHttpResponseBodyFeature>()!;
        context.Features.Set<IHttpResponseBodyFeature>(new WatchedBody(body, _onTransferred));
    }

    private static Task EndResponseAsync(HttpContext context, string body)
    {
        var response = context.Response;
        if (!response.HasStarted)
            return PlainText.WriteAsync(context, StatusCodes.Status504GatewayTimeout, body);
        if (response.StatusCode == StatusCodes.Status101SwitchingProtocols || UpgradeWatch.Of(context) is { HasUpgraded: true })
            return Task.CompletedTask;
        if (response.ContentLength is not null)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        // Plain text is not a valid gRPC message.
        if (response.ContentType is not { } type || !IsGrpc(type) || !response.SupportsTrailers())
            return response.WriteAsync(body);
        response.AppendTrailer("grpc-status", "4");
        response.AppendTrailer("grpc-message", body);
        return Task.CompletedTask;
    }

    private static bool IsGrpc(string type) =>
        type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase)
        && !type.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase);

    /// <summary>Cancels after <see cref="TryExpire"/>. The request may have completed in between.</summary>
    internal void Expire() => _cancellation.CancelSafely();

    /// <summary>Whether the request has timed out, reported once per request; otherwise the timer is set for the remaining time.</summary>
    /// <param name="cut">The request to abort because it did not end in time after its timeout; null for none.</param>
    internal bool TryExpire(out HttpContext? cut)
    {
        cut = null;
        lock (_lock)
        {
            // The timer may fire after its request has completed and another has started.
            if (_context is null)
                return false;
            if (_expired)
            {
                cut = _context;
                return false;
            }

            var now = _time.GetTimestamp();
            var started = Upgrade is { HasUpgraded: true } ? _begun : _context.Response.HasStarted;
            var due = Next(_time.GetElapsedTime(_started, now), _time.GetElapsedTime(Volatile.Read(ref _lastTransfer), now), started);
            if (due is null)
                return false;
            _expired = due <= TimeSpan.Zero;
            _timer.Arm(_expired ? EndGrace : due.Value);
            return _expired;
        }
    }

    private void Check()
    {
        // Outside the lock: registered callbacks run here.
        if (TryExpire(out var cut))
            Expire();
        else
            cut?.Abort();
    }

    // Time until the next timeout: zero when one has elapsed, null when none is set.
    private TimeSpan? Next(TimeSpan elapsed, TimeSpan idle, bool started)
    {
        TimeSpan? next = null;
        if (_timeouts.Total > TimeSpan.Zero)
            next = Earlier(next, _timeouts.Total - elapsed);
        if (_timeouts.ResponseStart > TimeSpan.Zero && !started)
            next = Earlier(next, _timeouts.ResponseStart - elapsed);
        if (_timeouts.Idle > TimeSpan.Zero)
            next = Earlier(next, _timeouts.Idle - idle);
        return next;
    }

    private static TimeSpan Earlier(TimeSpan? one, TimeSpan other)
    {
        var least = one is { } value && value < other ? value : other;
        if (least <= TimeSpan.Zero)
            return TimeSpan.Zero;

        // Timers have millisecond resolution and must not fire early.
        return TimeSpan.FromMilliseconds(Math.Ceiling(least.TotalMilliseconds));
    }

    // Bytes sent before the upgrade belong to HTTP; the upgraded protocol starts its own response timeout.
    private void OnUpgraded() => Volatile.Write(ref _lastTransfer, _time.GetTimestamp());

    private void OnTransferred(bool toClient)
    {
        Volatile.Write(ref _lastTransfer, _time.GetTimestamp());
        if (toClient)
            _begun = true;
    }
}

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Concurrency;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Ends a request that exceeds its <see cref="RequestTimeouts"/> by cancelling <see cref="Token"/>, which also follows
/// the client. Rent one per request, and return it when the request is done; they are reused. Invariant: once it is completed or disposed
/// its timer, which may be firing just then, neither touches the request nor throws.
/// </summary>
/// <remarks>
/// What a client sees when time is up is what Knative's queue-proxy and activator do: 504 before the response has begun; afterwards the
/// text is the last of the body, which then ends as if it were whole. Where a length was promised the connection or stream is cut, as
/// nothing else tells that bytes are missing, and gRPC gets a status. A request that has left HTTP ends with its connection.
/// </remarks>
public sealed class RequestDeadline : IDisposable
{
    private const int MaxPooled = 1024;

    // A response whose client takes nothing of it cannot be ended, only cut.
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

    /// <summary>Cancelled when time is up or the client went away.</summary>
    public CancellationToken Token => _cancellation.Token;

    /// <summary>Sees the request leave HTTP; null when it does not ask for that.</summary>
    public UpgradeWatch? Upgrade { get; private set; }

    /// <summary>Whether time was up.</summary>
    public bool Expired
    {
        get
        {
            lock (_lock) return _expired;
        }
    }

    /// <summary>Starts the clock for a request.</summary>
    public static RequestDeadline Start(HttpContext context, in RequestTimeouts timeouts, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(time);
        if (time != TimeProvider.System || !Pool.TryDequeue(out var deadline)) deadline = new RequestDeadline(time);
        deadline.Begin(context, timeouts);
        return deadline;
    }

    /// <summary>
    /// Ends the clock. When time was up before the response was whole, ends it with <paramref name="body"/>: as a 504, or behind what was
    /// written already. Nobody else may write to the response any more.
    /// </summary>
    /// <param name="whole">Whether the response is as it should be, whatever the clock says.</param>
    /// <param name="body">The text.</param>
    public async ValueTask CompleteAsync(bool whole, string body)
    {
        HttpContext context;
        bool expired;
        lock (_lock)
        {
            context = _context!;
            expired = _expired;
            if (!expired) _context = null;
        }

        if (expired)
        {
            if (!whole && !context.RequestAborted.IsCancellationRequested) await EndResponseAsync(context, body);
            lock (_lock) _context = null;
            await _timer.DisposeAsync();
        }
        else
        {
            _timer.Disarm();
        }

        await _client.DisposeAsync();
        Upgrade = null;
        if (!expired && _time == TimeProvider.System && Pool.Count < MaxPooled && _cancellation.TryReset()) Pool.Enqueue(this);
        else Dispose();
    }

    /// <summary>Stops the clock without ending the response. <see cref="CompleteAsync"/> does so itself.</summary>
    public void Dispose()
    {
        lock (_lock) _context = null;
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
            if (timeouts.Idle > TimeSpan.Zero || timeouts.ResponseStart > TimeSpan.Zero) Upgrade.Transferred += _onTransferred;
        }

        if (timeouts.Idle > TimeSpan.Zero) WatchBody(context);
        if (Next(TimeSpan.Zero, TimeSpan.Zero, started: false) is { } due) _timer.Arm(due);
    }

    private void WatchBody(HttpContext context)
    {
        var body = context.Features.Get<IHttpResponseBodyFeature>()!;
        context.Features.Set<IHttpResponseBodyFeature>(new WatchedBody(body, _onTransferred));
    }

    private static Task EndResponseAsync(HttpContext context, string body)
    {
        var response = context.Response;
        if (!response.HasStarted) return PlainText.WriteAsync(context, StatusCodes.Status504GatewayTimeout, body);
        if (response.StatusCode == StatusCodes.Status101SwitchingProtocols || UpgradeWatch.Of(context) is { HasUpgraded: true }) return Task.CompletedTask;
        if (response.ContentLength is not null)
        {
            context.Abort();
            return Task.CompletedTask;
        }

        // Text is no message of gRPC.
        if (response.ContentType is not { } type || !IsGrpc(type) || !response.SupportsTrailers()) return response.WriteAsync(body);
        response.AppendTrailer("grpc-status", "4");
        response.AppendTrailer("grpc-message", body);
        return Task.CompletedTask;
    }

    private static bool IsGrpc(string type) =>
        type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) && !type.StartsWith("application/grpc-web", StringComparison.OrdinalIgnoreCase);

    /// <summary>Cancels, after <see cref="TryExpire"/>. The request may have completed in between.</summary>
    internal void Expire() => _cancellation.CancelSafely();

    /// <summary>Whether time is up, which is found out once a request; else the timer is set for the rest.</summary>
    /// <param name="cut">The request whose end takes too long after that; null for none.</param>
    internal bool TryExpire(out HttpContext? cut)
    {
        cut = null;
        lock (_lock)
        {
            // The request may have ended, and another begun, while the timer was on its way.
            if (_context is null) return false;
            if (_expired)
            {
                cut = _context;
                return false;
            }

            var now = _time.GetTimestamp();
            var started = Upgrade is { HasUpgraded: true } ? _begun : _context.Response.HasStarted;
            var due = Next(_time.GetElapsedTime(_started, now), _time.GetElapsedTime(Volatile.Read(ref _lastTransfer), now), started);
            if (due is null) return false;
            _expired = due <= TimeSpan.Zero;
            _timer.Arm(_expired ? EndGrace : due.Value);
            return _expired;
        }
    }

    private void Check()
    {
        // Not under the lock: what was registered runs here.
        if (TryExpire(out var cut)) Expire();
        else cut?.Abort();
    }

    // How long until a bound is reached; zero when one is, null when there is none.
    private TimeSpan? Next(TimeSpan elapsed, TimeSpan idle, bool started)
    {
        TimeSpan? next = null;
        if (_timeouts.Total > TimeSpan.Zero) next = Earlier(next, _timeouts.Total - elapsed);
        if (_timeouts.ResponseStart > TimeSpan.Zero && !started) next = Earlier(next, _timeouts.ResponseStart - elapsed);
        if (_timeouts.Idle > TimeSpan.Zero) next = Earlier(next, _timeouts.Idle - idle);
        return next;
    }

    private static TimeSpan Earlier(TimeSpan? one, TimeSpan other)
    {
        var least = one is { } value && value < other ? value : other;
        if (least <= TimeSpan.Zero) return TimeSpan.Zero;

        // Timers count in milliseconds and must not wake up before the time.
        return TimeSpan.FromMilliseconds(Math.Ceiling(least.TotalMilliseconds));
    }

    // What was sent before counts for HTTP; the other protocol begins now.
    private void OnUpgraded() => Volatile.Write(ref _lastTransfer, _time.GetTimestamp());

    private void OnTransferred(bool toClient)
    {
        Volatile.Write(ref _lastTransfer, _time.GetTimestamp());
        if (toClient) _begun = true;
    }
}

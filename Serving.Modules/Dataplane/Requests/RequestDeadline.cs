using System.Collections.Concurrent;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Ends a request that exceeds its <see cref="RequestTimeouts"/> by cancelling <see cref="Token"/>, which also follows
/// the client. Rent one per request, and return it when the request is done; they are reused.
/// </summary>
public sealed class RequestDeadline : IDisposable
{
    private const int MaxPooled = 1024;

    private static readonly ConcurrentQueue<RequestDeadline> Pool = new();

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly CancellationTokenSource _cancellation = new();
    private CancellationTokenRegistration _client;
    private HttpContext? _context;
    private RequestTimeouts _timeouts;
    private long _started;
    private long _lastWrite;
    private bool _expired;

    private RequestDeadline(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static state => ((RequestDeadline)state!).Check(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Cancelled when time is up or the client went away.</summary>
    public CancellationToken Token => _cancellation.Token;

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
    /// Ends the clock. When time was up and the response has not started it is answered with 504 and
    /// <paramref name="body"/>; when it has, the connection or stream is cut.
    /// </summary>
    public async ValueTask CompleteAsync(string body)
    {
        HttpContext context;
        bool expired;
        lock (_lock)
        {
            context = _context!;
            expired = _expired;
            _context = null;
        }

        _timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        await _client.DisposeAsync();
        if (!expired && _time == TimeProvider.System && Pool.Count < MaxPooled && _cancellation.TryReset()) Pool.Enqueue(this);
        else Dispose();
        if (!expired) return;
        if (context.Response.HasStarted) context.Abort();
        else await PlainText.WriteAsync(context, StatusCodes.Status504GatewayTimeout, body);
    }

    /// <summary>Stops the clock without an answer. <see cref="CompleteAsync"/> does so itself.</summary>
    public void Dispose()
    {
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
            _expired = false;
            _started = _lastWrite = _time.GetTimestamp();
        }

        _client = context.RequestAborted.UnsafeRegister(static state => ((CancellationTokenSource)state!).Cancel(), _cancellation);
        if (timeouts.Idle > TimeSpan.Zero) WatchWrites(context);
        if (Next(TimeSpan.Zero, TimeSpan.Zero, started: false) is { } due) _timer.Change(due, Timeout.InfiniteTimeSpan);
    }

    private void WatchWrites(HttpContext context)
    {
        var body = context.Features.Get<IHttpResponseBodyFeature>()!;
        context.Features.Set<IHttpResponseBodyFeature>(new WatchedBody(body, this));
    }

    private void Check()
    {
        lock (_lock)
        {
            // The request may have ended, and another begun, while the timer was on its way.
            if (_context is null || _expired) return;
            var now = _time.GetTimestamp();
            var due = Next(_time.GetElapsedTime(_started, now), _time.GetElapsedTime(_lastWrite, now), _context.Response.HasStarted);
            if (due is null) return;
            if (due > TimeSpan.Zero)
            {
                _timer.Change(due.Value, Timeout.InfiniteTimeSpan);
                return;
            }

            _expired = true;
        }

        _cancellation.Cancel();
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

    private void Written()
    {
        lock (_lock) _lastWrite = _time.GetTimestamp();
    }

    private sealed class WatchedBody(IHttpResponseBodyFeature inner, RequestDeadline deadline) : StreamResponseBodyFeature(new WatchedStream(inner.Stream, deadline))
    {
        public override void DisableBuffering() => inner.DisableBuffering();

        public override Task StartAsync(CancellationToken cancellationToken = default)
        {
            deadline.Written();
            return inner.StartAsync(cancellationToken);
        }

        public override async Task CompleteAsync()
        {
            await base.CompleteAsync();
            await inner.CompleteAsync();
        }
    }

    private sealed class WatchedStream(Stream inner, RequestDeadline deadline) : Stream
    {
        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            deadline.Written();
            return inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) => inner.FlushAsync(cancellationToken);

        public override void Flush() => throw new NotSupportedException("This stream is asynchronous.");

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException("This stream is asynchronous.");

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

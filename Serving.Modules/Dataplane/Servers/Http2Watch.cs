using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Serving.Concurrency;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Inspects the frames of an HTTP/2 connection to enforce limits that Kestrel lacks: a connection without a request, or with a head that
/// never ends, is closed after a timeout; and only a few connections at once may be within a head of several frames, since a partially
/// decoded head is not in the budget. It tells <see cref="HeadDecoding"/> the size of heads as received. Requests that arrive together are
/// passed on a few at a time, so that those of one connection do not delay those of all others: Kestrel queues every request that it has
/// read on the thread pool. Nothing is copied. At the end it waits for the client to close the connection: closing a socket with unread
/// bytes, such as a window update, discards what has not been sent of the last response.
/// </summary>
internal sealed class Http2Watch : PipeReader, IDisposable
{
    private const int FrameHeader = 9;
    private const int Preface = 24;
    private const byte Headers = 1;
    private const byte Continuation = 9;
    private const byte EndHeaders = 4;

    /// <summary>Requests that are passed on at once; the others wait for one turn of the thread pool.</summary>
    private const int RequestsPerTurn = 8;

    /// <summary>Bytes discarded at most while waiting for the client to close: a whole connection window may be on its way.</summary>
    private const long MostDiscarded = 1024 * 1024;

    /// <summary>How long a client may stay silent after the last response before its connection is closed (5 s in nginx).</summary>
    private static readonly TimeSpan SilenceAfterLast = TimeSpan.FromSeconds(5);

    /// <summary>How long the wait for the client to close takes at most (30 s in nginx).</summary>
    private static readonly TimeSpan LongestClose = TimeSpan.FromSeconds(30);

    private readonly PipeReader _inner;
    private readonly ConnectionContext _connection;
    private readonly UnfinishedHeads _unfinished;
    private readonly HeadDecoding _decoding;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly BackgroundTimer _timer;
    private readonly byte[] _header = new byte[FrameHeader];
    private ReadOnlySequence<byte> _buffer;
    private int _requests;
    private bool _hasMore;
    private long _inspected;
    private int _headerLength;
    private long _left = Preface;
    private bool _inHead;
    private bool _endsHead;
    private bool _isLong;
    private bool _armed = true;
    private bool _isRead;
    private bool _isEnded;
    private Exception? _failure;

    /// <param name="connection">The connection, positioned at the preface.</param>
    /// <param name="timeout">How long it may be without a request, and how long a head may take.</param>
    /// <param name="unfinished">Counts the connections within a head of several frames.</param>
    /// <param name="decoding">Is told of the bytes that belong to heads.</param>
    /// <param name="time">The clock.</param>
    public Http2Watch(ConnectionContext connection, TimeSpan timeout, UnfinishedHeads unfinished, HeadDecoding decoding, TimeProvider time)
    {
        _connection = connection;
        _inner = connection.Transport.Input;
        _unfinished = unfinished;
        _decoding = decoding;
        _timeout = timeout;
        _time = time;
        _timer = BackgroundTimer.Once(time, "The time limit of an HTTP/2 connection", Expire);
        _timer.Arm(timeout);
    }

    /// <summary>Serves a connection as HTTP/2 while watching it.</summary>
    public static async Task ServeAsync(
        ConnectionContext connection,
        ConnectionDelegate http2,
        TimeSpan timeout,
        UnfinishedHeads unfinished,
        HeadBudget heads,
        TimeProvider time
    )
    {
        var transport = connection.Transport;
        using var decoding = new HeadDecoding(heads);
        connection.Features.Set(decoding);
        HeadDecoding.Current = decoding;
        using var watch = new Http2Watch(connection, timeout, unfinished, decoding, time);
        connection.Transport = new Watched(watch, transport.Output);
        try
        {
            // Kestrel leaves the output open when it returns.
            await http2(connection);
            await watch.WaitForClientAsync();
        }
        finally
        {
            connection.Transport = transport;
            await watch.CompleteInnerAsync();
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_hasMore)
            await Task.Yield();
        return Inspect(await _inner.ReadAsync(cancellationToken));
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!_inner.TryRead(out result))
            return false;
        result = Inspect(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _inspected -= _buffer.Slice(_buffer.Start, consumed).Length;
        if (_inspected == 0 && !_inHead)
            _decoding.AllDecoded();
        _buffer = default;
        _isRead = false;
        _inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    /// <summary>Notes the end; the connection is still read until its client has closed it.</summary>
    public override void Complete(Exception? exception = null) => _failure ??= exception;

    public override ValueTask CompleteAsync(Exception? exception = null)
    {
        Complete(exception);
        return default;
    }

    public void Dispose()
    {
        _timer.Dispose();
        if (_isLong)
            _unfinished.Exit();
        _isLong = false;
    }

    /// <summary>Inspects what was read, up to the end of the last request of this turn.</summary>
    private ReadResult Inspect(in ReadResult read)
    {
        var buffer = read.Buffer;
        _isRead = true;
        _isEnded = read.IsCompleted;
        _requests = 0;
        foreach (var segment in buffer.Slice(_inspected))
        {
            var followed = Follow(segment.Span);
            _inspected += followed;
            if (followed < segment.Length)
                break;
        }

        _hasMore = _inspected < buffer.Length;
        _buffer = _hasMore ? buffer.Slice(0, _inspected) : buffer;

        // A head that arrived in one piece needs no timer.
        if (_inHead && !_armed)
        {
            _armed = true;
            _timer.Arm(_timeout);
        }

        return _hasMore ? new ReadResult(_buffer, read.IsCanceled, isCompleted: false) : read;
    }

    /// <summary>Follows the frames; returns the number of bytes up to the end of the last request of this turn.</summary>
    private int Follow(ReadOnlySpan<byte> bytes)
    {
        var length = bytes.Length;
        while (!bytes.IsEmpty && _requests < RequestsPerTurn)
        {
            if (_left > 0)
            {
                var step = (int)Math.Min(_left, bytes.Length);
                _left -= step;
                bytes = bytes[step..];
                if (_left == 0)
                    EndFrame();
                continue;
            }

            var part = Math.Min(FrameHeader - _headerLength, bytes.Length);
            bytes[..part].CopyTo(_header.AsSpan(_headerLength));
            _headerLength += part;
            bytes = bytes[part..];
            if (_headerLength == FrameHeader)
                BeginFrame();
        }

        return length - bytes.Length;
    }

    private void BeginFrame()
    {
        _headerLength = 0;
        _left = (_header[0] << 16) | (_header[1] << 8) | _header[2];
        var type = _header[3];
        if (type is Headers or Continuation)
        {
            if (!_inHead)
                _decoding.Begin();
            _decoding.Received(_left);
            _inHead = true;
            _endsHead = (_header[4] & EndHeaders) != 0;
            if (!_endsHead && !_isLong)
            {
                _isLong = _unfinished.TryEnter();
                if (!_isLong)
                    Refuse(RefusedRequests.UnfinishedHeads, "Too many connections have an unfinished request head.");
            }
        }

        if (_left == 0)
            EndFrame();
    }

    private void EndFrame()
    {
        if (!_inHead || !_endsHead)
            return;
        (_inHead, _endsHead) = (false, false);
        _requests++;
        if (_isLong)
            _unfinished.Exit();
        _isLong = false;
        if (!_armed)
            return;
        _armed = false;
        _timer.Disarm();
    }

    /// <summary>Reads and discards until the client closes the connection, is silent for too long, or sends too much.</summary>
    private async Task WaitForClientAsync()
    {
        _timer.Disarm();
        if (_isRead)
            _inner.AdvanceTo(_buffer.End);
        if (_isEnded || _connection.ConnectionClosed.IsCancellationRequested)
            return;
        var since = _time.GetTimestamp();
        var discarded = 0L;
        using var silence = new CancellationTokenSource(SilenceAfterLast, _time);
        try
        {
            while (discarded < MostDiscarded && _time.GetElapsedTime(since) < LongestClose)
            {
                var read = await _inner.ReadAsync(silence.Token);
                discarded += read.Buffer.Length;
                _inner.AdvanceTo(read.Buffer.End);
                if (read.IsCompleted)
                    return;
                silence.CancelAfter(SilenceAfterLast);
            }
        }
        catch (OperationCanceledException)
        {
            // The client keeps the connection open: it is closed here.
        }
        catch (Exception exception) when (exception is ConnectionResetException or ConnectionAbortedException)
        {
            // Closed, if not well.
        }
    }

    private ValueTask CompleteInnerAsync() => _inner.CompleteAsync(_failure);

    private void Expire() => Refuse(RefusedRequests.SlowHead, "No complete request head arrived in time.");

    private void Refuse(string reason, string message)
    {
        RefusedRequests.Count(reason);
        _connection.Abort(new ConnectionAbortedException(message));
    }

    private sealed class Watched(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}

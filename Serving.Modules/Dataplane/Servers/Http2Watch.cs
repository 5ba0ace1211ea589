using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;
using Serving.Concurrency;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Inspects the frames of an HTTP/2 connection to enforce limits that Kestrel lacks: a connection without a request, or with a head that
/// never ends, is closed after a timeout; and only a few connections at once may be within a head of several frames, since a partially
/// decoded head is not in the budget. Nothing is copied.
/// </summary>
internal sealed class Http2Watch : PipeReader, IDisposable
{
    private const int FrameHeader = 9;
    private const int Preface = 24;
    private const byte Headers = 1;
    private const byte Continuation = 9;
    private const byte EndHeaders = 4;

    private readonly PipeReader _inner;
    private readonly ConnectionContext _connection;
    private readonly UnfinishedHeads _unfinished;
    private readonly TimeSpan _timeout;
    private readonly BackgroundTimer _timer;
    private readonly byte[] _header = new byte[FrameHeader];
    private ReadOnlySequence<byte> _buffer;
    private long _inspected;
    private int _headerLength;
    private long _left = Preface;
    private bool _inHead;
    private bool _endsHead;
    private bool _isLong;
    private bool _armed = true;

    /// <param name="connection">The connection, positioned at the preface.</param>
    /// <param name="timeout">How long it may be without a request, and how long a head may take.</param>
    /// <param name="unfinished">Counts the connections within a head of several frames.</param>
    /// <param name="time">The clock.</param>
    public Http2Watch(ConnectionContext connection, TimeSpan timeout, UnfinishedHeads unfinished, TimeProvider time)
    {
        _connection = connection;
        _inner = connection.Transport.Input;
        _unfinished = unfinished;
        _timeout = timeout;
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
        using var watch = new Http2Watch(connection, timeout, unfinished, time);
        connection.Transport = new Watched(watch, transport.Output);
        try
        {
            await http2(connection);
        }
        finally
        {
            connection.Transport = transport;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var read = await _inner.ReadAsync(cancellationToken);
        Inspect(read.Buffer);
        return read;
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!_inner.TryRead(out result))
            return false;
        Inspect(result.Buffer);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        _inspected -= _buffer.Slice(_buffer.Start, consumed).Length;
        _buffer = default;
        _inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    public override ValueTask CompleteAsync(Exception? exception = null) => _inner.CompleteAsync(exception);

    public void Dispose()
    {
        _timer.Dispose();
        if (_isLong)
            _unfinished.Exit();
        _isLong = false;
    }

    private void Inspect(in ReadOnlySequence<byte> buffer)
    {
        _buffer = buffer;
        var fresh = buffer.Slice(_inspected);
        _inspected = buffer.Length;
        foreach (var segment in fresh)
            Follow(segment.Span);

        // A head that arrived in one piece needs no timer.
        if (!_inHead || _armed)
            return;
        _armed = true;
        _timer.Arm(_timeout);
    }

    private void Follow(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
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
    }

    private void BeginFrame()
    {
        _headerLength = 0;
        _left = (_header[0] << 16) | (_header[1] << 8) | _header[2];
        var type = _header[3];
        if (type is Headers or Continuation)
        {
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
        if (_isLong)
            _unfinished.Exit();
        _isLong = false;
        if (!_armed)
            return;
        _armed = false;
        _timer.Disarm();
    }

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

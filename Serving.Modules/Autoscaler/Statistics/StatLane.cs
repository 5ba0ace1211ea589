using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Sends the stats of one shard's revisions to its leader as WireStatMessages, over one long-lived WebSocket. Stats are queued while it
/// connects; when the queue is full the oldest are dropped, because newer ones of the same revision are more useful. Invariant: stats that
/// could not be sent are sent first over the next connection, to whichever process leads then.
/// </summary>
internal sealed partial class StatLane
{
    /// <summary>Maximum number of stats per message; <see cref="StatisticsEndpoint"/> rejects larger ones.</summary>
    public const int MostPerMessage = 256;

    /// <summary>The subprotocol of a client that wants to hear of revisions that were scaled up from zero. Others, and autoscalers of the
    /// reference implementation, send and get nothing but stats.</summary>
    public const string ScaleProtocol = "scale-from-zero.serving";

    /// <summary>Enough for names of maximum length.</summary>
    private const int LargestAnswer = 1024;

    private const int MostWaiting = 4096;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly Channel<WireStatMessage> _waiting = Channel.CreateBounded<WireStatMessage>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }
    );

    private readonly List<WireStatMessage> _batch = [];
    private readonly Func<Uri?> _owner;
    private readonly Func<TimeSpan?> _timeout;
    private readonly Action _lost;
    private readonly Action<ScaleFromZero> _scaled;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private volatile Failing? _failing;

    /// <param name="owner">Returns the address of the autoscaler, such as <c>ws://10.0.0.7:8080</c>; null while unknown.</param>
    /// <param name="timeout">Returns how long it may be unreachable; null while it is not known to be alive.</param>
    /// <param name="lost">Called for each connection closed by the peer.</param>
    /// <param name="scaled">Receives what the autoscaler tells about revisions that it scaled up from zero.</param>
    /// <param name="time">The clock of the retry delays.</param>
    /// <param name="logger">Logs lost connections.</param>
    public StatLane(Func<Uri?> owner, Func<TimeSpan?> timeout, Action lost, Action<ScaleFromZero> scaled, TimeProvider time, ILogger logger)
    {
        _owner = owner;
        _timeout = timeout;
        _lost = lost;
        _scaled = scaled;
        _time = time;
        _logger = logger;
    }

    /// <summary>Whether stats are queued and the last attempt to connect failed.</summary>
    public bool IsFailing => _failing is not null;

    /// <summary>Why this process cannot serve the shard's revisions: its leader has been unreachable for longer than permitted; otherwise
    /// null.</summary>
    public string? UnreachableReason =>
        _failing is { Limit: { } limit } now && _time.GetElapsedTime(now.Since) is var elapsed && elapsed > limit
            ? $"the autoscaler at {now.Address} has been unreachable for {elapsed.TotalSeconds:0} s"
            : null;

    /// <summary>Queues a stat; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) => _waiting.Writer.TryWrite(new WireStatMessage(ns, revision, stat));

    /// <summary>Sends until cancelled; reconnects when the connection is lost or the shard has a new leader.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                if (_batch.Count == 0)
                    await _waiting.Reader.WaitToReadAsync(cancellation);
                if (_owner() is not { } address)
                    _failing = null;
                else if (await SendToAsync(address, cancellation))
                    continue;
                await Task.Delay(Again, _time, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Cancelled.
        }
    }

    /// <summary>Sends to one process until the connection ends; true to connect to its successor immediately.</summary>
    private async Task<bool> SendToAsync(Uri address, CancellationToken cancellation)
    {
        using var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = KeepAlive;
        socket.Options.KeepAliveTimeout = KeepAlive;
        socket.Options.AddSubProtocol(ScaleProtocol);
        try
        {
            using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limited.CancelAfter(ConnectTimeout);
            await socket.ConnectAsync(address, limited.Token);
        }
        catch (Exception error) when (IsGone(error, cancellation))
        {
            NoteFailure(address);
            LogUnreachable(address, error.Message);
            return false;
        }

        _failing = null;
        try
        {
            // A close, or what the peer should not send, ends sending.
            var closed = ReceiveAsync(socket, cancellation);
            while (await NextBatchAsync(closed, cancellation))
            {
                if (address != _owner())
                    return true;
                var bytes = StatCodec.Encode(CollectionsMarshal.AsSpan(_batch));
                await socket.SendAsync(bytes.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, cancellation);
                _batch.Clear();
            }

            await closed;
            LogLost(address, socket.CloseStatusDescription ?? "the peer closed it");
        }
        catch (Exception error) when (IsGone(error, cancellation))
        {
            LogLost(address, error.Message);
        }

        _lost();
        return false;
    }

    /// <summary>Receives until the peer closes, or sends something else than asked for.</summary>
    private async Task ReceiveAsync(ClientWebSocket socket, CancellationToken cancellation)
    {
        var buffer = new byte[LargestAnswer];
        while (true)
        {
            var part = await socket.ReceiveAsync(buffer.AsMemory(), cancellation);
            if (part.MessageType != WebSocketMessageType.Binary || !part.EndOfMessage || socket.SubProtocol != ScaleProtocol)
                return;
            try
            {
                _scaled(StatCodec.DecodeScale(buffer.AsSpan(0, part.Count)));
            }
            catch (InvalidDataException wrong)
            {
                LogMalformed(wrong.Message);
            }
        }
    }

    /// <summary>Waits for stats to send; false when the connection ended first.</summary>
    private async Task<bool> NextBatchAsync(Task closed, CancellationToken cancellation)
    {
        if (_batch.Count == 0)
        {
            var ready = _waiting.Reader.WaitToReadAsync(cancellation).AsTask();
            await Task.WhenAny(ready, closed);
            cancellation.ThrowIfCancellationRequested();
        }

        if (closed.IsCompleted)
            return false;
        while (_batch.Count < MostPerMessage && _waiting.Reader.TryRead(out var message))
            _batch.Add(message);
        return true;
    }

    /// <summary>The duration of the failure restarts with each new leader, and is paused while none is known to be alive.</summary>
    private void NoteFailure(Uri address)
    {
        var limit = _timeout();
        _failing =
            _failing is { Limit: not null } before && limit is not null && before.Address == address
                ? before with
                {
                    Limit = limit,
                }
                : new Failing(address, _time.GetTimestamp(), limit);
    }

    private static bool IsGone(Exception error, CancellationToken cancellation) =>
        error is WebSocketException or IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    [LoggerMessage(6, LogLevel.Warning, "Lost the connection to the autoscaler at {Address}: {Reason}")]
    private partial void LogLost(Uri address, string reason);

    [LoggerMessage(8, LogLevel.Warning, "The autoscaler at {Address} is unreachable: {Reason}")]
    private partial void LogUnreachable(Uri address, string reason);

    [LoggerMessage(10, LogLevel.Warning, "Received an invalid message from the autoscaler: {Reason}")]
    private partial void LogMalformed(string reason);

    /// <summary>A series of failed attempts.</summary>
    private sealed record Failing(Uri Address, long Since, TimeSpan? Limit);
}

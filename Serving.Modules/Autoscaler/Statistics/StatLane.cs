using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Sends the measurements of one part's revisions to the process that decides for it, over one long-lived WebSocket, as WireStatMessages.
/// Measurements wait while it connects; when too many wait the oldest are dropped, since a newer one of the same revision says more.
/// Invariant: what could not be sent is sent first over the next connection, to whoever decides then.
/// </summary>
internal sealed partial class StatLane
{
    /// <summary>Measurements that one message carries at most; <see cref="StatisticsServer"/> takes no larger one.</summary>
    public const int MostPerMessage = 256;

    private const int MostWaiting = 4096;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan KeepAlive = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly Channel<WireStatMessage> waiting = Channel.CreateBounded<WireStatMessage>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly List<WireStatMessage> batch = [];
    private readonly Func<Uri?> owner;
    private readonly Func<TimeSpan?> patience;
    private readonly Action lost;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private volatile Failing? failing;

    /// <param name="owner">Where the autoscaler is now, as <c>ws://10.0.0.7:8080</c>; null while that is not known.</param>
    /// <param name="patience">How long attempts to reach it may fail; null while it is not known to be alive.</param>
    /// <param name="lost">Called for each connection that the other side ended.</param>
    /// <param name="time">The clock of pauses between attempts.</param>
    /// <param name="logger">Where lost connections are said.</param>
    public StatLane(Func<Uri?> owner, Func<TimeSpan?> patience, Action lost, TimeProvider time, ILogger logger)
    {
        this.owner = owner;
        this.patience = patience;
        this.lost = lost;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>Whether measurements wait and the last attempt to connect failed.</summary>
    public bool IsFailing => failing is not null;

    /// <summary>Why this process is of no use for the part's revisions: it fails to reach who decides for longer than its patience; else null.</summary>
    public string? UnreachableReason
        => failing is { Patience: { } limit } now && time.GetElapsedTime(now.Since) is var elapsed && elapsed > limit
            ? $"the autoscaler at {now.Address} could not be reached for {elapsed.TotalSeconds:0} s"
            : null;

    /// <summary>Takes a measurement; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) => waiting.Writer.TryWrite(new WireStatMessage(ns, revision, stat));

    /// <summary>Sends until cancelled; connects again when the connection is lost or the autoscaler has moved.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                if (batch.Count == 0) await waiting.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false);
                if (owner() is not { } address) failing = null;
                else if (await SendToAsync(address, cancellation).ConfigureAwait(false)) continue;
                await Task.Delay(Again, time, cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Asked to stop.
        }
    }

    /// <summary>Sends to one process until it is gone; true when another one is to be asked at once.</summary>
    private async Task<bool> SendToAsync(Uri address, CancellationToken cancellation)
    {
        using var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = KeepAlive;
        socket.Options.KeepAliveTimeout = KeepAlive;
        try
        {
            using var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limited.CancelAfter(ConnectTimeout);
            await socket.ConnectAsync(address, limited.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (IsGone(error, cancellation))
        {
            NoteFailure(address);
            LogUnreachable(address, error.Message);
            return false;
        }

        failing = null;
        try
        {
            // The other side only ever closes; hearing of it ends the sending.
            var closed = socket.ReceiveAsync(new byte[128].AsMemory(), cancellation).AsTask();
            while (await NextBatchAsync(closed, cancellation).ConfigureAwait(false))
            {
                if (address != owner()) return true;
                var bytes = StatCodec.Encode(CollectionsMarshal.AsSpan(batch));
                await socket.SendAsync(bytes.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, cancellation).ConfigureAwait(false);
                batch.Clear();
            }

            await closed.ConfigureAwait(false);
            LogLost(address, socket.CloseStatusDescription ?? "it was closed");
        }
        catch (Exception error) when (IsGone(error, cancellation))
        {
            LogLost(address, error.Message);
        }

        lost();
        return false;
    }

    /// <summary>Waits for something to send; false when the connection ended before.</summary>
    private async Task<bool> NextBatchAsync(Task closed, CancellationToken cancellation)
    {
        if (batch.Count == 0)
        {
            var ready = waiting.Reader.WaitToReadAsync(cancellation).AsTask();
            await Task.WhenAny(ready, closed).ConfigureAwait(false);
            cancellation.ThrowIfCancellationRequested();
        }

        if (closed.IsCompleted) return false;
        while (batch.Count < MostPerMessage && waiting.Reader.TryRead(out var message)) batch.Add(message);
        return true;
    }

    /// <summary>The time of failing begins anew with each process that is asked, and stands still while none is known to be alive.</summary>
    private void NoteFailure(Uri address)
    {
        var limit = patience();
        failing = failing is { Patience: not null } before && limit is not null && before.Address == address
            ? before with { Patience = limit }
            : new Failing(address, time.GetTimestamp(), limit);
    }

    private static bool IsGone(Exception error, CancellationToken cancellation)
        => error is WebSocketException or IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    [LoggerMessage(6, LogLevel.Warning, "The connection to the autoscaler at {Address} is lost: {Reason}")]
    private partial void LogLost(Uri address, string reason);

    [LoggerMessage(8, LogLevel.Warning, "The autoscaler at {Address} cannot be reached: {Reason}")]
    private partial void LogUnreachable(Uri address, string reason);

    /// <summary>Attempts that fail.</summary>
    private sealed record Failing(Uri Address, long Since, TimeSpan? Patience);
}

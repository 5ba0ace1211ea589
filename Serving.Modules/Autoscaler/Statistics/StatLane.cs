using System.Net.WebSockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Sends the measurements of one part's revisions to the process that decides for it, over one long-lived WebSocket, as WireStatMessages.
/// Measurements wait while it connects; when too many wait the oldest are dropped, since a newer one of the same revision says more.
/// </summary>
internal sealed partial class StatLane
{
    private const int MostWaiting = 4096;
    private const int MostPerMessage = 256;
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly Channel<WireStatMessage> waiting = Channel.CreateBounded<WireStatMessage>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true });

    private readonly Func<Uri?> owner;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    /// <param name="owner">Where the autoscaler is now, as <c>ws://10.0.0.7:8080</c>; null while that is not known.</param>
    /// <param name="time">The clock of pauses between attempts.</param>
    /// <param name="logger">Where lost connections are said.</param>
    public StatLane(Func<Uri?> owner, TimeProvider time, ILogger logger)
    {
        this.owner = owner;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>Takes a measurement; never blocks.</summary>
    public void Report(string ns, string revision, in Stat stat) => waiting.Writer.TryWrite(new WireStatMessage(ns, revision, stat));

    /// <summary>Sends until cancelled; connects again when the connection is lost or the autoscaler has moved.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await waiting.Reader.WaitToReadAsync(cancellation).ConfigureAwait(false);
                if (owner() is { } address) await SendToAsync(address, cancellation).ConfigureAwait(false);
                await Task.Delay(Again, time, cancellation).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Asked to stop.
        }
    }

    private async Task SendToAsync(Uri address, CancellationToken cancellation)
    {
        using var socket = new ClientWebSocket();
        try
        {
            using (var limited = CancellationTokenSource.CreateLinkedTokenSource(cancellation))
            {
                limited.CancelAfter(ConnectTimeout);
                await socket.ConnectAsync(address, limited.Token).ConfigureAwait(false);
            }

            // The other side only ever closes; hearing of it ends the sending.
            var closed = socket.ReceiveAsync(new byte[128].AsMemory(), cancellation).AsTask();
            var batch = new List<WireStatMessage>();
            while (!closed.IsCompleted && address == owner())
            {
                var ready = waiting.Reader.WaitToReadAsync(cancellation).AsTask();
                if (await Task.WhenAny(ready, closed).ConfigureAwait(false) == closed) break;
                while (batch.Count < MostPerMessage && waiting.Reader.TryRead(out var message)) batch.Add(message);
                var bytes = StatCodec.Encode(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(batch));
                await socket.SendAsync(bytes.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, cancellation).ConfigureAwait(false);
                batch.Clear();
            }
        }
        catch (Exception error) when (error is WebSocketException or IOException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            LogLost(address, error.Message);
        }
    }

    [LoggerMessage(6, LogLevel.Warning, "The connection to the autoscaler at {Address} is lost: {Reason}")]
    private partial void LogLost(Uri address, string reason);
}

using System.Net.WebSockets;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Tells one client when revisions were scaled up from zero whose waiting requests it has reported, and no others: the port is open to the
/// pod network. Invariant: a client costs a bounded number of names and messages, of which the oldest are dropped: they only complete its
/// measurements. Nothing is sent after it was disposed, so that a close frame can follow.
/// </summary>
internal sealed partial class ScaleFeed : IAsyncDisposable
{
    private const int MostWaiting = 256;
    private const int MostFollowed = 4096;
    private static readonly TimeSpan EndTimeout = TimeSpan.FromSeconds(1);

    private readonly Channel<byte[]> _waiting = Channel.CreateBounded<byte[]>(
        new BoundedChannelOptions(MostWaiting) { FullMode = BoundedChannelFullMode.DropOldest, SingleReader = true }
    );

    private readonly CancellationTokenSource _stop = new();
    private readonly Lock _lock = new();
    private HashSet<ObjectKey> _followed = [];
    private HashSet<ObjectKey> _followedBefore = [];
    private int _disposed;
    private readonly WebSocket _socket;
    private readonly ILogger _logger;
    private readonly Task _sending;

    /// <param name="socket">The client; nothing else sends to it until this is disposed.</param>
    /// <param name="logger">Logs when the client is gone.</param>
    public ScaleFeed(WebSocket socket, ILogger logger)
    {
        _socket = socket;
        _logger = logger;
        _sending = SendAllAsync();
    }

    /// <summary>The client has reported requests of a revision.</summary>
    public void Follow(in ObjectKey revision)
    {
        lock (_lock)
        {
            if (_followed.Count >= MostFollowed)
                (_followedBefore, _followed) = (_followed, []);
            _followed.Add(revision);
        }
    }

    /// <summary>Queues a message about a revision if the client has reported requests of it; never blocks.</summary>
    public void Tell(in ObjectKey revision, byte[] message)
    {
        lock (_lock)
        {
            if (!_followed.Remove(revision) && !_followedBefore.Remove(revision))
                return;
        }

        _waiting.Writer.TryWrite(message);
    }

    /// <summary>Drops what is queued and waits until nothing is being sent.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
            return;
        _waiting.Writer.TryComplete();
        while (_waiting.Reader.TryRead(out _)) { }

        // A client that does not read is disconnected by the cancelled send.
        _stop.CancelAfter(EndTimeout);
        await _sending;
        _stop.Dispose();
    }

    private async Task SendAllAsync()
    {
        try
        {
            await foreach (var message in _waiting.Reader.ReadAllAsync())
                await _socket.SendAsync(message.AsMemory(), WebSocketMessageType.Binary, endOfMessage: true, _stop.Token);
        }
        catch (Exception gone) when (gone is WebSocketException or OperationCanceledException or IOException)
        {
            // The receiving side of the connection notices it as well, and ends.
            LogGone(gone.Message);
        }
    }

    [LoggerMessage(11, LogLevel.Debug, "A client of the statistics port stopped reading: {Reason}")]
    private partial void LogGone(string reason);
}

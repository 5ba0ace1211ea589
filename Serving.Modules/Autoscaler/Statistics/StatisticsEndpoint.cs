using System.Buffers;
using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Receives stats from activators in other processes: a WebSocket at any path, with protobuf WireStatMessages in binary messages. Responds
/// to kubelet probes with 200, and with 503 when there are too many connections or while it is closed. When it closes, it asks clients to
/// reconnect (1012, service restart). Clients that ask for it (<see cref="StatLane.ScaleProtocol"/>) are told when a revision of which
/// they have reported requests was scaled up from zero.
/// </summary>
internal sealed partial class StatisticsEndpoint
{
    /// <summary>Maximum number of connections; each activator needs one, or one per shard that this process leads.</summary>
    public const int MostConnections = 1024;

    /// <summary>Enough for names of maximum length.</summary>
    private const int LargestMessage = StatLane.MostPerMessage * 1024;

    /// <summary>Room for connections of probes and of clients that are being closed.</summary>
    private const int OtherConnections = 64;

    private const WebSocketCloseStatus ServiceRestart = (WebSocketCloseStatus)1012;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(1);

    private readonly Action<WireStatMessage, bool> _take;
    private readonly ILogger _logger;
    private readonly int _most;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<ScaleFeed, byte> _feeds = new();
    private TaskCompletionSource? _closing;
    private TaskCompletionSource? _empty;
    private int _connections;

    /// <param name="take">Receives each stat, and whether it has already been forwarded. Must be fast; any thread.</param>
    /// <param name="loggers">Creates the logger.</param>
    /// <param name="most">Maximum number of connections.</param>
    public StatisticsEndpoint(Action<WireStatMessage, bool> take, ILoggerFactory loggers, int most = MostConnections)
    {
        _take = take;
        _most = most;
        _logger = loggers.CreateLogger<StatisticsEndpoint>();
    }

    /// <summary>The port where it is served.</summary>
    public ServingPort PortAt(AutoscalerOptions options) =>
        new("statistics", new IPEndPoint(options.Address, options.Port))
        {
            MaxConnections = _most + OtherConnections,
            Serve = port =>
            {
                port.UseWebSockets(
                    new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(30), KeepAliveTimeout = TimeSpan.FromSeconds(30) }
                );
                port.UseRouting();
                port.UseEndpoints(endpoints => endpoints.Map("/{**path}", HandleAsync));
            },
        };

    /// <summary>Tells the clients that asked for it; never blocks.</summary>
    public void Announce(ScaleFromZero scale)
    {
        if (_feeds.IsEmpty)
            return;
        var message = StatCodec.Encode(scale);
        var revision = new ObjectKey(scale.Namespace, scale.Revision);
        foreach (var (feed, _) in _feeds)
            feed.Tell(revision, message);
    }

    /// <summary>Accepts clients from now on.</summary>
    public void Open()
    {
        lock (_gate)
        {
            _closing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _empty = null;
        }
    }

    /// <summary>Asks clients to reconnect, and waits a few seconds until they have disconnected.</summary>
    public async Task CloseAsync()
    {
        Task gone;
        lock (_gate)
        {
            _closing?.TrySetResult();
            _closing = null;
            _empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            gone = _connections == 0 ? Task.CompletedTask : _empty.Task;
        }

        await Task.WhenAny(gone, Task.Delay(CloseTimeout * 3));
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            if (!ProbeRequest.IsKubelet(context.Request))
                await PlainText.WriteErrorAsync(
                    context,
                    StatusCodes.Status400BadRequest,
                    "this port accepts only WebSocket connections with the stats of activators"
                );
            return;
        }

        Task? told;
        bool isFull;
        lock (_gate)
        {
            isFull = _connections >= _most;
            told = isFull ? null : _closing?.Task;
            if (told is not null)
                _connections++;
        }

        if (told is null)
        {
            if (isFull)
                LogFull(context.Connection.RemoteIpAddress, _most);
            var why = isFull ? $"the limit of {_most} statistics connections is reached" : "the autoscaler of this process is not running";
            await PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, why, retryAfter: "1");
            return;
        }

        try
        {
            await ServeAsync(context, told);
        }
        finally
        {
            lock (_gate)
            {
                if (--_connections == 0)
                    _empty?.TrySetResult();
            }
        }
    }

    private async Task ServeAsync(HttpContext context, Task told)
    {
        var protocol = context.WebSockets.WebSocketRequestedProtocols.Contains(StatLane.ScaleProtocol) ? StatLane.ScaleProtocol : null;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(protocol);
        await using var feed = protocol is null ? null : new ScaleFeed(socket, _logger);
        if (feed is not null)
            _feeds.TryAdd(feed, 0);
        try
        {
            var (status, why) = await ReceiveAllAsync(socket, feed, told, context.Request.Path == StatisticsModule.ForwardedPath);
            if (feed is not null)
                await feed.DisposeAsync();
            await CloseAsync(socket, status, why);
        }
        catch (WebSocketException error)
        {
            LogGone(context.Connection.RemoteIpAddress, error.Message);
        }
        finally
        {
            if (feed is not null)
                _feeds.TryRemove(feed, out _);
        }
    }

    /// <summary>Receives stats until the connection should be closed; returns with which status and text.</summary>
    private async Task<(WebSocketCloseStatus Status, string Why)> ReceiveAllAsync(
        WebSocket socket,
        ScaleFeed? feed,
        Task told,
        bool isForwarded
    )
    {
        var message = new ArrayBufferWriter<byte>(16 * 1024);
        while (true)
        {
            // Receiving is not cancelled directly: that would abort the connection without a close frame.
            var receive = socket.ReceiveAsync(message.GetMemory(4096), CancellationToken.None).AsTask();
            if (await Task.WhenAny(receive, told) == told)
                return (ServiceRestart, "Restarting");

            var part = await receive;
            if (part.MessageType == WebSocketMessageType.Close)
                return (WebSocketCloseStatus.NormalClosure, "");

            message.Advance(part.Count);
            if (message.WrittenCount > LargestMessage)
                return (WebSocketCloseStatus.MessageTooBig, "");

            if (!part.EndOfMessage)
                continue;
            if (part.MessageType == WebSocketMessageType.Binary)
                Take(message.WrittenSpan, feed, isForwarded);
            message.ResetWrittenCount();
        }
    }

    private void Take(ReadOnlySpan<byte> message, ScaleFeed? feed, bool isForwarded)
    {
        try
        {
            foreach (var measurement in StatCodec.DecodeMessages(message))
            {
                // First, because the scale may be written before taking the stat returns.
                if (measurement.Stat.AverageConcurrentRequests > 0)
                    feed?.Follow(new ObjectKey(measurement.Namespace, measurement.Name));
                _take(measurement, isForwarded);
            }
        }
        catch (InvalidDataException wrong)
        {
            LogMalformed(wrong.Message);
        }
    }

    private async Task CloseAsync(WebSocket socket, WebSocketCloseStatus status, string why)
    {
        using var limit = new CancellationTokenSource(CloseTimeout);
        try
        {
            await socket.CloseOutputAsync(status, why, limit.Token);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException)
        {
            LogGone(null, error.Message);
        }
    }

    [LoggerMessage(4, LogLevel.Debug, "A client of the statistics port disconnected ({Address}): {Reason}")]
    private partial void LogGone(IPAddress? address, string reason);

    [LoggerMessage(9, LogLevel.Warning, "Refused a client of the statistics port ({Address}): the limit of {Most} connections is reached")]
    private partial void LogFull(IPAddress? address, int most);

    [LoggerMessage(5, LogLevel.Warning, "Received invalid statistics: {Reason}")]
    private partial void LogMalformed(string reason);
}

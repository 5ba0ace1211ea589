using System.Buffers;
using System.Net;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Statistics;

namespace Serving.Autoscaler.Statistics;

/// <summary>
/// Receives stats from activators in other processes: a WebSocket at any path, with protobuf WireStatMessages in binary messages. Responds to
/// kubelet probes with 200, and with 503 when there are too many connections. When it stops, it asks clients to reconnect (1012, service
/// restart).
/// </summary>
internal sealed partial class StatisticsServer : IAsyncDisposable
{
    /// <summary>Maximum number of connections; each activator needs one, or one per shard that this process leads.</summary>
    public const int MostConnections = 1024;

    /// <summary>Enough for names of maximum length.</summary>
    private const int LargestMessage = StatLane.MostPerMessage * 1024;

    /// <summary>Room for connections of probes and of clients that are being closed.</summary>
    private const int OtherConnections = 64;

    private const WebSocketCloseStatus ServiceRestart = (WebSocketCloseStatus)1012;
    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(1);

    private readonly WebApplication app;
    private readonly Action<WireStatMessage, bool> take;
    private readonly ILogger logger;
    private readonly CancellationTokenSource stopping = new();
    private readonly int most;
    private int connections;

    private StatisticsServer(WebApplication app, int most, Action<WireStatMessage, bool> take, ILogger logger)
    {
        this.app = app;
        this.most = most;
        this.take = take;
        this.logger = logger;
    }

    /// <summary>The port it listens on.</summary>
    public int Port => new Uri(app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First()).Port;

    /// <summary>Starts to listen. Throws an IOException when the address is in use.</summary>
    /// <param name="options">Where to listen.</param>
    /// <param name="take">Receives each stat, and whether it has already been forwarded. Must be fast; any thread.</param>
    /// <param name="logging">Creates the loggers.</param>
    /// <param name="cancellation">Cancels the start.</param>
    /// <param name="most">Maximum number of connections.</param>
    public static async Task<StatisticsServer> StartAsync(
        AutoscalerOptions options, Action<WireStatMessage, bool> take, ILoggerFactory logging, CancellationToken cancellation, int most = MostConnections)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddSingleton(logging);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxConcurrentConnections = most + OtherConnections;
            kestrel.Listen(options.Address, options.Port);
        });
        var app = builder.Build();
        var server = new StatisticsServer(app, most, take, logging.CreateLogger<StatisticsServer>());
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.FromSeconds(30), KeepAliveTimeout = TimeSpan.FromSeconds(30) });
        app.Run(server.HandleAsync);
        await app.StartAsync(cancellation).ConfigureAwait(false);
        return server;
    }

    /// <summary>Asks clients to reconnect, then stops.</summary>
    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync().ConfigureAwait(false);
        using (var limit = new CancellationTokenSource(CloseTimeout * 3)) await app.StopAsync(limit.Token).ConfigureAwait(false);
        await app.DisposeAsync().ConfigureAwait(false);
        stopping.Dispose();
    }

    private async Task HandleAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            if (!ProbeRequest.IsKubelet(context.Request))
                await PlainText.WriteErrorAsync(context, StatusCodes.Status400BadRequest, "this port accepts only WebSocket connections with the stats of activators").ConfigureAwait(false);
            return;
        }

        try
        {
            if (Interlocked.Increment(ref connections) > most)
            {
                LogFull(context.Connection.RemoteIpAddress, most);
                await PlainText.WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, $"the limit of {most} statistics connections is reached", retryAfter: "1").ConfigureAwait(false);
                return;
            }

            await ServeAsync(context).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref connections);
        }
    }

    private async Task ServeAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync().ConfigureAwait(false);
        try
        {
            await ReceiveAllAsync(socket, context.Request.Path == StatisticsModule.ForwardedPath).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await CloseAsync(socket, ServiceRestart, "Restarting").ConfigureAwait(false);
        }
        catch (WebSocketException error)
        {
            LogGone(context.Connection.RemoteIpAddress, error.Message);
        }
    }

    private async Task ReceiveAllAsync(WebSocket socket, bool isForwarded)
    {
        var message = new ArrayBufferWriter<byte>(16 * 1024);
        var wait = Task.Delay(Timeout.Infinite, stopping.Token);
        while (true)
        {
            // Receiving is not cancelled directly: that would abort the connection without a close frame.
            var receive = socket.ReceiveAsync(message.GetMemory(4096), CancellationToken.None).AsTask();
            if (await Task.WhenAny(receive, wait).ConfigureAwait(false) == wait) await wait.ConfigureAwait(false);
            var part = await receive.ConfigureAwait(false);
            if (part.MessageType == WebSocketMessageType.Close)
            {
                await CloseAsync(socket, WebSocketCloseStatus.NormalClosure, "").ConfigureAwait(false);
                return;
            }

            message.Advance(part.Count);
            if (message.WrittenCount > LargestMessage)
            {
                await CloseAsync(socket, WebSocketCloseStatus.MessageTooBig, "").ConfigureAwait(false);
                return;
            }

            if (!part.EndOfMessage) continue;
            if (part.MessageType == WebSocketMessageType.Binary) Take(message.WrittenSpan, isForwarded);
            message.ResetWrittenCount();
        }
    }

    private void Take(ReadOnlySpan<byte> message, bool isForwarded)
    {
        try
        {
            foreach (var measurement in StatCodec.DecodeMessages(message)) take(measurement, isForwarded);
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
            await socket.CloseOutputAsync(status, why, limit.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is WebSocketException or OperationCanceledException)
        {
            LogGone(null, error.Message);
        }
    }

    [LoggerMessage(4, LogLevel.Debug, "A client of the statistics server disconnected ({Address}): {Reason}")]
    private partial void LogGone(IPAddress? address, string reason);

    [LoggerMessage(9, LogLevel.Warning, "Refused a client of the statistics server ({Address}): the limit of {Most} connections is reached")]
    private partial void LogFull(IPAddress? address, int most);

    [LoggerMessage(5, LogLevel.Warning, "Received invalid statistics: {Reason}")]
    private partial void LogMalformed(string reason);
}

using System.Net.WebSockets;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Tests.Dataplane;

/// <summary>Both ends of a WebSocket, over HTTP/1.1 or HTTP/2.</summary>
internal static class WebSockets
{
    /// <summary>Accepts a request as a WebSocket.</summary>
    public static async Task<WebSocket> AcceptAsync(HttpContext context)
    {
        Stream stream;
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true } connect)
        {
            stream = await connect.AcceptAsync();
        }
        else
        {
            var headers = context.Response.Headers;
            headers.Upgrade = "websocket";
            headers.Connection = "Upgrade";
#pragma warning disable CA5350 // The protocol requires SHA-1.
            headers["Sec-WebSocket-Accept"] = Convert.ToBase64String(
                SHA1.HashData(
                    Encoding.ASCII.GetBytes(context.Request.Headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
                )
            );
#pragma warning restore CA5350
            stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
        }

        return WebSocket.CreateFromStream(
            stream,
            new WebSocketCreationOptions { IsServer = true, KeepAliveInterval = Timeout.InfiniteTimeSpan }
        );
    }

    /// <summary>A server that echoes messages, and sends a close frame when told to; then it waits for that of the client.</summary>
    public static async Task EchoAsync(HttpContext context, CancellationToken goodbye)
    {
        using var socket = await AcceptAsync(context);
        await using var closing = goodbye.Register(() => _ = socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye", default));
        var buffer = new byte[1024];
        while (await socket.ReceiveAsync(buffer.AsMemory(), default) is { MessageType: not WebSocketMessageType.Close } received)
        {
            if (socket.State == WebSocketState.Open)
                await socket.SendAsync(buffer.AsMemory(0, received.Count), WebSocketMessageType.Text, true, default);
        }

        if (socket.State == WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye too", default);
    }

    /// <summary>Connects; version 2 means HTTP/2 in clear text.</summary>
    public static async Task<ClientWebSocket> ConnectAsync(Uri address, int version = 1, string? host = null)
    {
        var socket = new ClientWebSocket();
        socket.Options.KeepAliveInterval = Timeout.InfiniteTimeSpan;
        socket.Options.HttpVersion = new Version(version, version == 1 ? 1 : 0);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        if (host is not null)
            socket.Options.SetRequestHeader("Host", host);
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        await socket.ConnectAsync(address, new HttpMessageInvoker(new SocketsHttpHandler { UseProxy = false }), deadline.Token);
        return socket;
    }

    /// <summary>Sends a message and waits for the next one.</summary>
    public static async Task<string> AskAsync(this WebSocket socket, string message)
    {
        await socket.SendTextAsync(message);
        return await socket.NextAsync();
    }

    /// <summary>Sends a message.</summary>
    public static Task SendTextAsync(this WebSocket socket, string message) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, true, default);

    /// <summary>The next message, or the close frame of the peer: "1000 bye".</summary>
    public static async Task<string> NextAsync(this WebSocket socket)
    {
        using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        var buffer = new byte[1024];
        var received = await socket.ReceiveAsync(buffer.AsMemory(), deadline.Token);
        return received.MessageType == WebSocketMessageType.Close
            ? $"{(int)socket.CloseStatus!} {socket.CloseStatusDescription}"
            : Encoding.UTF8.GetString(buffer, 0, received.Count);
    }
}

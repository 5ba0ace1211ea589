using System.Globalization;
using System.Net.WebSockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.TestPrograms;

/// <summary>
/// WebSockets that echo each text with <c>SUFFIX</c> appended, after <c>?delay=MILLISECONDS</c>. On SIGTERM each sends a close frame
/// (1000, <c>bye</c>).
/// </summary>
internal sealed class EchoSockets : IDisposable
{
    // RFC 6455, 1.3.
    private const string AcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    private const int Longest = 64 * 1024;

    private static readonly string Suffix = Settings.Text("SUFFIX");
    private readonly CancellationTokenSource _stop = new();
    private readonly PosixSignalRegistration _terminate;

    public EchoSockets() => _terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ => _stop.Cancel());

    /// <summary>Whether a request is a WebSocket upgrade.</summary>
    public static bool IsAsked(HttpContext context) =>
        context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true }
        && context.Request.Headers.Upgrade.ToString().Equals("websocket", StringComparison.OrdinalIgnoreCase);

    /// <summary>Upgrades the connection, and serves until either side closes.</summary>
    public async Task ServeAsync(HttpContext context)
    {
        var delay = int.TryParse(context.Request.Query["delay"], NumberStyles.None, CultureInfo.InvariantCulture, out var milliseconds)
            ? milliseconds
            : 0;
        context.Response.Headers.Connection = "Upgrade";
        context.Response.Headers.Upgrade = "websocket";
        context.Response.Headers.SecWebSocketAccept = Accept(context.Request.Headers.SecWebSocketKey.ToString());
        await using var stream = await context.Features.GetRequiredFeature<IHttpUpgradeFeature>().UpgradeAsync();
        using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });

        // Only one frame is sent at a time.
        using var sending = new SemaphoreSlim(1);
        await using var goodbye = _stop.Token.Register(() => _ = SayGoodbyeAsync(socket, sending));
        try
        {
            await EchoAsync(socket, sending, delay);
        }
        catch (WebSocketException failure)
        {
            Console.Error.WriteLine($"websocket: {failure.Message}");
        }
    }

    public void Dispose()
    {
        _terminate.Dispose();
        _stop.Dispose();
    }

    private static async Task EchoAsync(WebSocket socket, SemaphoreSlim sending, int delay)
    {
        var buffer = new byte[Longest];
        while (true)
        {
            var received = await socket.ReceiveAsync(buffer, CancellationToken.None);
            if (received.MessageType == WebSocketMessageType.Close)
            {
                await CloseAsync(socket, sending, "");
                return;
            }

            await Task.Delay(delay);
            var text = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(buffer, 0, received.Count) + Suffix);
            await sending.WaitAsync();
            try
            {
                if (socket.State == WebSocketState.Open)
                {
                    await socket.SendAsync(text, WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
                }
            }
            finally
            {
                sending.Release();
            }
        }
    }

    private static async Task SayGoodbyeAsync(WebSocket socket, SemaphoreSlim sending)
    {
        try
        {
            await CloseAsync(socket, sending, "bye");
        }
        catch (Exception failure) when (failure is WebSocketException or ObjectDisposedException)
        {
            Console.Error.WriteLine($"websocket: {failure.Message}");
        }
    }

    private static async Task CloseAsync(WebSocket socket, SemaphoreSlim sending, string reason)
    {
        await sending.WaitAsync();
        try
        {
            if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            {
                await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, reason, CancellationToken.None);
            }
        }
        finally
        {
            sending.Release();
        }
    }

    // The handshake requires SHA-1; it is not used for security.
#pragma warning disable CA5350
    private static string Accept(string key) => Convert.ToBase64String(SHA1.HashData(Encoding.ASCII.GetBytes(key + AcceptSuffix)));
#pragma warning restore CA5350
}

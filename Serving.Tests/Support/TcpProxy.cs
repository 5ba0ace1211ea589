using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Serving.Tests.Support;

/// <summary>Forwards TCP connections to another port of 127.0.0.1, until it is cut: then connections break and new ones are
/// refused.</summary>
internal sealed class TcpProxy : IAsyncDisposable
{
    private readonly int _target;
    private readonly ConcurrentDictionary<Socket, byte> _open = new();
    private CancellationTokenSource _stop = new();
    private Task _accepting;

    /// <param name="target">The port to forward to.</param>
    public TcpProxy(int target)
    {
        _target = target;
        Port = FreePorts.Next();
        _accepting = Listen();
    }

    /// <summary>Its port, on 127.0.0.1.</summary>
    public int Port { get; }

    /// <summary>Breaks every connection and refuses new ones.</summary>
    public async Task CutAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        foreach (var socket in _open.Keys)
        {
            socket.Dispose();
        }
    }

    /// <summary>Accepts connections again.</summary>
    public void Repair()
    {
        _stop.Dispose();
        _stop = new CancellationTokenSource();
        _accepting = Listen();
    }

    public async ValueTask DisposeAsync()
    {
        await CutAsync();
        _stop.Dispose();
    }

    private Task Listen()
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, Port));
        listener.Listen();
        return AcceptAsync(listener, _stop.Token);
    }

    private async Task AcceptAsync(Socket listener, CancellationToken cancellation)
    {
        using (listener)
        {
            while (true)
            {
                try
                {
                    var client = await listener.AcceptAsync(cancellation);
                    _ = PassAsync(client, cancellation);
                }
                catch (OperationCanceledException)
                {
                    return;
                }
            }
        }
    }

    private async Task PassAsync(Socket client, CancellationToken cancellation)
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        client.NoDelay = true;
        _open[client] = _open[server] = 0;
        try
        {
            await server.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _target), cancellation);
            await Task.WhenAny(CopyAsync(client, server, cancellation), CopyAsync(server, client, cancellation));
        }
        catch (Exception gone) when (gone is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // The target is unreachable, as it would be without the proxy.
        }
        finally
        {
            _open.TryRemove(client, out _);
            _open.TryRemove(server, out _);
            client.Dispose();
        }
    }

    private static async Task CopyAsync(Socket from, Socket to, CancellationToken cancellation)
    {
        var buffer = new byte[64 * 1024];
        try
        {
            int read;
            while ((read = await from.ReceiveAsync(buffer, cancellation)) > 0)
            {
                for (var sent = 0; sent < read; )
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, read - sent), cancellation);
                }
            }
        }
        catch (Exception gone) when (gone is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            // Either side has closed; close the connection.
        }
    }
}

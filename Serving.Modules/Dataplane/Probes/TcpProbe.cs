using System.Net;
using System.Net.Sockets;
using Serving.Concurrency.Sockets;

namespace Serving.Dataplane.Probes;

/// <summary>Probes whether a port accepts connections.</summary>
public static class TcpProbe
{
    /// <summary>Connects and closes.</summary>
    /// <exception cref="SocketException">The connection failed.</exception>
    public static async Task ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await PoolThread.AfterAsync(
            IPAddress.TryParse(host, out var address)
                ? socket.ConnectAsync(address, port, cancellation)
                : socket.ConnectAsync(host, port, cancellation)
        );
    }
}

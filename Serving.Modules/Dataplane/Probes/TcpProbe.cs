using System.Net;
using System.Net.Sockets;

namespace Serving.Dataplane.Probes;

/// <summary>Probes whether a port accepts connections.</summary>
public static class TcpProbe
{
    /// <summary>Connects and closes.</summary>
    /// <exception cref="SocketException">The connection failed.</exception>
    public static async Task ConnectAsync(string host, int port, CancellationToken cancellation)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        if (IPAddress.TryParse(host, out var address))
            await socket.ConnectAsync(address, port, cancellation);
        else
            await socket.ConnectAsync(host, port, cancellation);
    }
}

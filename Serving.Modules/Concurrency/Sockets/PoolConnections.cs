using System.Net;
using System.Net.Sockets;

namespace Serving.Concurrency.Sockets;

/// <summary>Connections of HTTP clients that are not the data path: their responses are read on the thread pool.</summary>
public static class PoolConnections
{
    /// <summary>Creates a handler whose connections are such ones.</summary>
#pragma warning disable RS0030 // This is what to call instead.
    public static SocketsHttpHandler CreateHandler() => new() { ConnectCallback = ConnectAsync };
#pragma warning restore RS0030

    /// <summary>Connects to the origin or the proxy, as a handler does by default.</summary>
    /// <exception cref="SocketException">The connection failed.</exception>
    public static ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(context);
        return ConnectAsync(context.DnsEndPoint, null, cancellation);
    }

    /// <summary>Connects to an address of the caller's choice.</summary>
    /// <param name="target">The address.</param>
    /// <param name="preamble">Returns what is sent first on the connected socket, such as a header of the PROXY protocol; null for
    /// nothing.</param>
    /// <param name="cancellation">Aborts connecting.</param>
    /// <exception cref="SocketException">The connection failed.</exception>
    public static async ValueTask<Stream> ConnectAsync(
        EndPoint target,
        Func<Socket, ReadOnlyMemory<byte>>? preamble,
        CancellationToken cancellation
    )
    {
        ArgumentNullException.ThrowIfNull(target);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await PoolThread.AfterAsync(socket.ConnectAsync(target, cancellation));
            if (preamble is not null)
            {
                await PoolThread.AfterAsync(socket.SendAsync(preamble(socket), cancellation));
            }

            return new PoolStream(new NetworkStream(socket, ownsSocket: true));
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

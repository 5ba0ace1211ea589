using System.Net;
using System.Net.Sockets;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Says in words for the user that a port is taken, and by whom.</summary>
internal static class PortHolder
{
    /// <summary>Throws <see cref="IOException"/> when the port cannot be listened on.</summary>
    public static void ThrowIfTaken(IPAddress address, int port)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
        }
        catch (SocketException exception) when (exception.SocketErrorCode == SocketError.AddressAlreadyInUse)
        {
            throw new IOException(Describe(address, port), exception);
        }
    }

    /// <summary>The sentence for a port that is taken.</summary>
    public static string Describe(IPAddress address, int port)
    {
        var holder = AddressHolder.Of(new IPEndPoint(address, port));
        return holder is null
            ? $"{address}:{port} is already in use: choose another port for the API server"
            : $"{address}:{port} is already in use by {holder}: stop it or choose another port for the API server";
    }
}

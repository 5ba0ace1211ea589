using System.Net;
using System.Net.Sockets;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Reports a port that is in use and the process that uses it.</summary>
internal static class PortHolder
{
    /// <summary>Throws <see cref="IOException"/> when the server cannot listen on the port.</summary>
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

    /// <summary>The message for a port that is in use.</summary>
    public static string Describe(IPAddress address, int port)
    {
        var holder = AddressHolder.Of(new IPEndPoint(address, port));
        return holder is null
            ? $"{address}:{port} is already in use: choose another port for the API server"
            : $"{address}:{port} is already in use by {holder}: stop it or choose another port for the API server";
    }
}

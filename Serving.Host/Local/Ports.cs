using System.Net;
using System.Net.Sockets;

namespace Serving.Host.Local;

/// <summary>Checks ports before anything is started on them.</summary>
internal static class Ports
{
    /// <summary>Throws <see cref="UserErrorException"/>, naming the option to change, when the port of 127.0.0.1 is in use.</summary>
    public static void EnsureFree(string option, int port)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            // Like Kestrel: a lingering connection of an earlier run does not block the port.
            socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.ReuseAddress, true);
            socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
            socket.Listen();
        }
        catch (SocketException failure)
        {
            var why =
                failure.SocketErrorCode == SocketError.AccessDenied
                    ? "needs more rights than this user has"
                    : "is in use by another program";
            throw new UserErrorException($"{option}: port {port} of 127.0.0.1 {why}; choose another with {option} N.", failure);
        }
    }
}

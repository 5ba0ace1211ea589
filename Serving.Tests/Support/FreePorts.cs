using System.Net;
using System.Net.Sockets;

namespace Serving.Tests.Support;

/// <summary>Ports that nobody listens on, to hand to another process. All of one call differ.</summary>
internal static class FreePorts
{
    /// <summary>As many ports of an address.</summary>
    public static int[] Of(IPAddress address, int count)
    {
        // Held together until all are known: one given back could be given out again.
        var sockets = Enumerable.Range(0, count).Select(_ => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp)).ToList();
        try
        {
            return [.. sockets.Select(socket =>
            {
                socket.Bind(new IPEndPoint(address, 0));
                return ((IPEndPoint)socket.LocalEndPoint!).Port;
            })];
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }
}

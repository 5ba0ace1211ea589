using System.Net;
using System.Net.Sockets;

namespace Serving.Tests.Support;

/// <summary>Free ports for other processes. All ports of one call differ.</summary>
internal static class FreePorts
{
    /// <summary>Returns this number of free ports of an address.</summary>
    public static int[] Of(IPAddress address, int count)
    {
        // Hold all until the last is found: a released one could be returned again.
        var sockets = Enumerable
            .Range(0, count)
            .Select(_ => new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp))
            .ToList();
        try
        {
            return
            [
                .. sockets.Select(socket =>
                {
                    socket.Bind(new IPEndPoint(address, 0));
                    return ((IPEndPoint)socket.LocalEndPoint!).Port;
                }),
            ];
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
    }
}

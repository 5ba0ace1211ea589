using System.Net;
using System.Net.Sockets;

namespace Serving.Benchmarks.Processes;

/// <summary>
/// Ports that nothing uses, for processes that are told their port. They lie below those that Linux gives to outgoing
/// connections (32768 and up), so that no connection takes one before its process listens; a process gets each of them once.
/// </summary>
internal static class FreePorts
{
    private const int First = 10_000;
    private const int End = 30_000;

    // Other processes look for ports too, such as a second run of the tests: each begins elsewhere.
    private static int _taken = Random.Shared.Next(End - First);

    /// <summary>Returns a free port of 127.0.0.1.</summary>
    public static int Next() => Of(IPAddress.Loopback, 1)[0];

    /// <summary>Returns this number of different free ports of an address.</summary>
    /// <exception cref="InvalidOperationException">There are not as many.</exception>
    public static int[] Of(IPAddress address, int count)
    {
        var ports = new List<int>(count);
        for (var tries = 0; ports.Count < count; tries++)
        {
            if (tries == End - First)
            {
                throw new InvalidOperationException($"{address} does not have {count} free ports from {First} to {End - 1}");
            }

            var port = First + ((Interlocked.Increment(ref _taken) & int.MaxValue) % (End - First));
            if (IsFree(new IPEndPoint(address, port)))
            {
                ports.Add(port);
            }
        }

        return [.. ports];
    }

    private static bool IsFree(IPEndPoint address)
    {
        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(address);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse)
        {
            return false;
        }
    }
}

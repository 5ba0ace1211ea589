using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>
/// Allocates ports for user programs: free on all addresses, and outside the kernel's ephemeral range, so that no outgoing
/// connection uses the port before the program listens.
/// </summary>
internal sealed class UserPorts
{
    private readonly Lock _lock = new();
    private readonly HashSet<int> _used = [];
    private readonly int _first;
    private readonly int _last;
    private int _next;

    public UserPorts()
    {
        var (low, high) = EphemeralRange();
        (_first, _last) = low - 1024 >= 65535 - high ? (Math.Max(1024, low - 20000), low - 1) : (high + 1, 65535);
        if (_last - _first < 256)
        {
            throw new InvalidOperationException(
                $"ip_local_port_range is {low} to {high}, which leaves no ports for programs: set it to a smaller range, such as 32768 60999"
            );
        }

        // Another local cluster on this machine uses the same range: start at different ports.
        _next = Random.Shared.Next(_first, _last + 1);
    }

    /// <summary>Allocates a free port. Throws <see cref="InvalidOperationException"/> when none is left.</summary>
    public int Allocate()
    {
        lock (_lock)
        {
            for (var tried = _first; tried <= _last; tried++)
            {
                var port = _next;
                _next = port >= _last ? _first : port + 1;
                if (!_used.Contains(port) && IsFree(port))
                {
                    _used.Add(port);
                    return port;
                }
            }
        }

        throw new InvalidOperationException("no free port is left for the program of a pod");
    }

    /// <summary>Releases a port.</summary>
    public void Release(int port)
    {
        lock (_lock)
        {
            _used.Remove(port);
        }
    }

    private static bool IsFree(int port)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { DualMode = true };
        try
        {
            socket.Bind(new IPEndPoint(IPAddress.IPv6Any, port));
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AddressAlreadyInUse or SocketError.AccessDenied)
        {
            return false;
        }
    }

    private static (int Low, int High) EphemeralRange()
    {
        var words = File.ReadAllText("/proc/sys/net/ipv4/ip_local_port_range").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        return (int.Parse(words[0], CultureInfo.InvariantCulture), int.Parse(words[1], CultureInfo.InvariantCulture));
    }
}

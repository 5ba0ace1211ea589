using System.Net;

namespace Serving.Networking.Gateway.Backends;

/// <summary>One address behind a Service, with the load this gateway has on it. It stays the same object while the address is listed.</summary>
internal sealed class BackendEndpoint(string address, bool localActivator)
{
    private int inFlight;
    private long avoidUntil;

    /// <summary>Host (or IP) and port.</summary>
    public string Address => address;

    /// <summary>Whether it is the activator of this process.</summary>
    public bool LocalActivator => localActivator;

    /// <summary>Requests of this gateway that are on the way to it.</summary>
    public int InFlight => Volatile.Read(ref inFlight);

    public void Begin() => Interlocked.Increment(ref inFlight);

    public void End() => Interlocked.Decrement(ref inFlight);

    /// <summary>Remembers, for a second, that nobody answered there.</summary>
    public void Avoid() => Volatile.Write(ref avoidUntil, Environment.TickCount64 + 1000);

    /// <summary>Whether it should be left alone as long as there are others.</summary>
    public bool Avoided => Volatile.Read(ref avoidUntil) is var until && until != 0 && until > Environment.TickCount64;

    public static string AddressOf(string ip, int port)
        => IPAddress.TryParse(ip, out var parsed) ? new IPEndPoint(parsed, port).ToString() : $"{ip}:{port}";
}

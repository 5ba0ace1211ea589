using System.Net;
using Serving.Dataplane;

namespace Serving.Networking.Gateway.Backends;

/// <summary>One address behind a Service, with the load this gateway has on it. It stays the same object while the address is listed.</summary>
internal sealed class BackendEndpoint(string address, bool localActivator, TimeProvider? time = null)
{
    private readonly PassiveHealth health = new(time ?? TimeProvider.System);
    private int inFlight;

    /// <summary>Host (or IP) and port.</summary>
    public string Address => address;

    /// <summary>Whether it is the activator of this process.</summary>
    public bool LocalActivator => localActivator;

    /// <summary>Requests of this gateway that are on the way to it.</summary>
    public int InFlight => Volatile.Read(ref inFlight);

    /// <summary>Whether it should be left alone as long as there are others, because it failed.</summary>
    public bool Avoided => health.Avoided;

    /// <summary>A request goes there; what it returns is for <see cref="End"/>.</summary>
    public bool Begin()
    {
        Interlocked.Increment(ref inFlight);
        return health.Begin();
    }

    /// <summary>The request has ended.</summary>
    public void End(bool trial, UpstreamResult result)
    {
        Interlocked.Decrement(ref inFlight);
        health.End(trial, result);
    }

    public static string AddressOf(string ip, int port)
        => IPAddress.TryParse(ip, out var parsed) ? new IPEndPoint(parsed, port).ToString() : $"{ip}:{port}";
}

using System.Net;
using Serving.Dataplane.Upstreams;

namespace Serving.Networking.Gateway.Backends;

/// <summary>An address of a Service, with this gateway's load on it. The same object for as long as the address is listed.</summary>
internal sealed class BackendEndpoint(string address, bool localActivator, TimeProvider? time = null)
{
    private readonly PassiveHealth _health = new(time ?? TimeProvider.System);
    private int _inFlight;

    /// <summary>Host name (or IP address) and port.</summary>
    public string Address => address;

    /// <summary>Whether it is the activator in this process.</summary>
    public bool LocalActivator => localActivator;

    /// <summary>Requests of this gateway that are in flight to it.</summary>
    public int InFlight => Volatile.Read(ref _inFlight);

    /// <summary>Whether to avoid it, because it failed, while there are others.</summary>
    public bool Avoided => _health.Avoided;

    /// <summary>Records the start of a request; pass the result to <see cref="End"/>.</summary>
    public bool Begin()
    {
        Interlocked.Increment(ref _inFlight);
        return _health.Begin();
    }

    /// <summary>Records the end of a request.</summary>
    public void End(bool trial, UpstreamResult result)
    {
        Interlocked.Decrement(ref _inFlight);
        _health.End(trial, result);
    }

    public static string AddressOf(string ip, int port) =>
        IPAddress.TryParse(ip, out var parsed) ? new IPEndPoint(parsed, port).ToString() : $"{ip}:{port}";
}

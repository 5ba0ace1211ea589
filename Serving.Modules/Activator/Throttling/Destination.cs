using Serving.Dataplane;

namespace Serving.Activator.Throttling;

/// <summary>A destination for the requests of a revision: the queue-proxy of a pod, or the Service of its pods.</summary>
/// <param name="Namespace">The revision's namespace.</param>
/// <param name="Host">An IP address.</param>
/// <param name="Port">The clear-text port.</param>
internal readonly record struct Destination(string Namespace, string Host, int Port)
{
    /// <summary>The TLS port of a Service; null for a pod, since all pods use the same.</summary>
    public int? TlsPort { get; init; }

    /// <summary>Host and clear-text port, which identify a destination.</summary>
    public string Address => HostAndPort.Of(Host, Port);
}

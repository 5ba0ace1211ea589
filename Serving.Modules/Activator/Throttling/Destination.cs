using Serving.Dataplane;

namespace Serving.Activator.Throttling;

/// <summary>Where requests of a revision may go: the queue-proxy of a pod, or the Service over them.</summary>
/// <param name="Namespace">The revision's namespace.</param>
/// <param name="Host">An IP address.</param>
/// <param name="Port">The port of clear text.</param>
internal readonly record struct Destination(string Namespace, string Host, int Port)
{
    /// <summary>The port of TLS of a Service; null for a pod, all of which have the same.</summary>
    public int? TlsPort { get; init; }

    /// <summary>Host and port of clear text, by which destinations are told apart.</summary>
    public string Address => HostAndPort.Of(Host, Port);
}

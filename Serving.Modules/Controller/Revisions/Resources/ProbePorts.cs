using Serving.Api.Core;

namespace Serving.Controller.Revisions.Resources;

/// <summary>
/// The port that a probe asks, by one rule for startup, liveness and readiness and for every handler that has a port. In the container
/// that takes the requests a port that is left out, or named, is the port of the requests: pods give that one another name. A container
/// beside it has no ports of its own, so its probes say a number.
/// </summary>
internal static class ProbePorts
{
    /// <summary>The number that the probe names; 0 when it names none, or has no port at all.</summary>
    public static int Of(Probe probe) => probe.HttpGet?.Port?.Int ?? probe.TcpSocket?.Port?.Int ?? probe.Grpc?.Port ?? 0;

    /// <summary>The probe with another port; unchanged when its handler has none.</summary>
    public static Probe With(Probe probe, int port) =>
        probe switch
        {
            { HttpGet: { } http } => probe with { HttpGet = http with { Port = port } },
            { TcpSocket: { } tcp } => probe with { TcpSocket = tcp with { Port = port } },
            { Grpc: { } grpc } => probe with { Grpc = grpc with { Port = port } },
            _ => probe,
        };

    /// <summary>The probe with the port of the requests, unless it names a number.</summary>
    public static Probe? Complete(Probe? probe, int port) => probe is null || Of(probe) != 0 ? probe : With(probe, port);

    /// <summary>
    /// A liveness probe of the container that takes the requests. Without multi-container probing HTTP and TCP always ask the port of the
    /// requests, as Knative has ever done.
    /// </summary>
    public static Probe? CompleteLiveness(Probe? probe, int port, bool keepOther) =>
        probe is null or { Grpc: not null } || keepOther ? Complete(probe, port) : With(probe, port);

    /// <summary>The probe of a container beside the one that takes the requests.</summary>
    /// <exception cref="ProbePortException">It names no number; the message says whose it is and what to do.</exception>
    public static Probe? Checked(Probe? probe, string container, string field)
    {
        var handler = probe switch
        {
            { HttpGet: not null } => "httpGet",
            { TcpSocket: not null } => "tcpSocket",
            { Grpc: not null } => "grpc",
            _ => null,
        };
        return handler is null || Of(probe!) != 0
            ? probe
            : throw new ProbePortException(
                $"container \"{container}\": {field}.{handler}.port is not a number, and the container has no ports that a name could stand for: "
                    + "set it to the number of the port that the container listens on"
            );
    }
}

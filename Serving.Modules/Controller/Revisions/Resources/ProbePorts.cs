using Serving.Api.Core;

namespace Serving.Controller.Revisions.Resources;

/// <summary>
/// The port of a probe, with one rule for startup, liveness and readiness and for every handler with a port. In the serving container, a
/// missing or named port is the serving port, because the port has another name in the pod. Other containers declare no ports, so their
/// probes must have a port number.
/// </summary>
internal static class ProbePorts
{
    /// <summary>The probe's port number; 0 when it is missing or a name.</summary>
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

    /// <summary>The probe with the serving port, unless it has a port number.</summary>
    public static Probe? Complete(Probe? probe, int port) => probe is null || Of(probe) != 0 ? probe : With(probe, port);

    /// <summary>
    /// A liveness probe of the serving container. Without multi-container probing, HTTP and TCP always use the serving port, as in Knative.
    /// </summary>
    public static Probe? CompleteLiveness(Probe? probe, int port, bool keepOther) =>
        probe is null or { Grpc: not null } || keepOther ? Complete(probe, port) : With(probe, port);

    /// <summary>The probe of a container other than the serving one.</summary>
    /// <exception cref="ProbePortException">It has no port number; the message names the container and says what to do.</exception>
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
                $"container \"{container}\": {field}.{handler}.port is not a number, and the container declares no port that a name could refer to: "
                    + "set it to the number of the port that the container listens on"
            );
    }
}

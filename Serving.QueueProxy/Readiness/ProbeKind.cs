namespace Serving.QueueProxy.Readiness;

/// <summary>The kind of a probe.</summary>
internal enum ProbeKind
{
    /// <summary>Opens a TCP connection.</summary>
    Tcp,

    /// <summary>Sends an HTTP GET.</summary>
    Http,

    /// <summary>Calls the gRPC health service.</summary>
    Grpc,
}

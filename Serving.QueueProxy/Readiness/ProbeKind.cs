namespace Serving.QueueProxy.Readiness;

/// <summary>What a probe does.</summary>
internal enum ProbeKind
{
    /// <summary>Connects.</summary>
    Tcp,

    /// <summary>Gets a page.</summary>
    Http,

    /// <summary>Asks the gRPC health service.</summary>
    Grpc,
}

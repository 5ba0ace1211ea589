namespace Serving.Dataplane.ProxyProtocol;

/// <summary>What the first bytes of a connection are.</summary>
internal enum ProxyHeaderState
{
    /// <summary>The beginning of a header; more bytes are needed.</summary>
    Incomplete,

    /// <summary>A header.</summary>
    Complete,

    /// <summary>Something else.</summary>
    Absent,

    /// <summary>A header that breaks the rules of the protocol, or is longer than this server accepts.</summary>
    Malformed,
}

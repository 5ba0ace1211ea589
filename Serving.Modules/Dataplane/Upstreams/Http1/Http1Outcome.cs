namespace Serving.Dataplane.Http1;

/// <summary>How an exchange on one connection ended.</summary>
internal enum Http1Outcome
{
    /// <summary>The answer was copied whole.</summary>
    Done,

    /// <summary>The connection ended before a byte of the answer came, as idle ones do.</summary>
    Stale,

    /// <summary>The queue-proxy at the other end says that its program did not get the request; <see cref="Http1Exchange.Unserved"/> says how far it came.</summary>
    Unserved,

    /// <summary>It failed on the way.</summary>
    Failed,

    /// <summary>The client or the caller gave up.</summary>
    Canceled,
}

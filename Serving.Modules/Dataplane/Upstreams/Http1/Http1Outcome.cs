namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>How an exchange on one connection ended.</summary>
internal enum Http1Outcome
{
    /// <summary>The whole response was copied.</summary>
    Done,

    /// <summary>The connection ended before the first byte of the response, as idle ones may.</summary>
    Stale,

    /// <summary>The queue-proxy at the destination reports that its program did not get the request; <see cref="Http1Exchange.Unserved"/>
    /// says how far it got.</summary>
    Unserved,

    /// <summary>It failed during the exchange.</summary>
    Failed,

    /// <summary>The client or the caller cancelled.</summary>
    Canceled,
}

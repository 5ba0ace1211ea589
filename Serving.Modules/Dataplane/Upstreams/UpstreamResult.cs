namespace Serving.Dataplane;

/// <summary>How an attempt ended.</summary>
public enum UpstreamResult
{
    /// <summary>The response was copied whole.</summary>
    Done,

    /// <summary>No connection: nothing of the request was sent or read, so it may be tried elsewhere.</summary>
    NotConnected,

    /// <summary>The queue-proxy says that nothing of the request reached its program. The body can be read from its start: it may be tried elsewhere.</summary>
    Unsent,

    /// <summary>
    /// An idempotent request without a body was sent once, on a connection that had been used before and that ended without a byte of a
    /// response, and there is no new one. It may be sent once more, elsewhere, marked with <see cref="DataplaneHeaders.Resent"/>.
    /// </summary>
    Lost,

    /// <summary>It failed on the way, or the destination could not prove who it is. The response is an error that says why, or was cut.</summary>
    Failed,

    /// <summary>The client's request is at fault, and the response says why.</summary>
    BadRequest,

    /// <summary>It was cancelled, by the client or by the caller, who ends a response that has begun, or cuts it.</summary>
    Canceled,
}

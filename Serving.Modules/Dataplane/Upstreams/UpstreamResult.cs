namespace Serving.Dataplane.Upstreams;

/// <summary>The result of an attempt.</summary>
public enum UpstreamResult
{
    /// <summary>The whole response was copied.</summary>
    Done,

    /// <summary>No connection: nothing of the request was sent or read, so it may be retried elsewhere.</summary>
    NotConnected,

    /// <summary>The queue-proxy reports that nothing of the request reached its program. The body can be read from its start, so it may be
    /// retried elsewhere.</summary>
    Unsent,

    /// <summary>
    /// An idempotent request without a body was sent once, on a connection that ended before the first byte of a response: a reused one,
    /// and no new connection could be opened, or any connection to a queue-proxy or an activator. It may be retried once elsewhere, marked
    /// with
    /// <see cref="DataplaneHeaders.Resent"/>.
    /// </summary>
    Lost,

    /// <summary>It failed during the exchange, or the destination could not be verified. The response is an error with the reason, or was
    /// aborted.</summary>
    Failed,

    /// <summary>The client's request is invalid; the response contains the reason.</summary>
    BadRequest,

    /// <summary>Cancelled by the client, or by the caller, who completes or aborts a started response.</summary>
    Canceled,
}

namespace Serving.Dataplane.Upstreams;

/// <summary>The values of <see cref="DataplaneHeaders.Unserved"/>, by which a queue-proxy reports a request that its program did not
/// serve.</summary>
public static class Unserved
{
    /// <summary>Nothing of the request reached the program: it may be retried on another pod, whatever its method.</summary>
    public const string Unsent = "unsent";

    /// <summary>The request is idempotent and was sent once, on a connection that ended; it may be retried once.</summary>
    public const string Lost = "lost";

    /// <summary>The program received the request and sent no response.</summary>
    public const string Failed = "failed";

    /// <summary>Maps a value to its result.</summary>
    internal static UpstreamResult Read(ReadOnlySpan<char> value) =>
        value switch
        {
            Unsent => UpstreamResult.Unsent,
            Lost => UpstreamResult.Lost,
            Failed => UpstreamResult.Failed,
            _ => UpstreamResult.Done,
        };
}

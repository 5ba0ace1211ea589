namespace Serving.Dataplane;

/// <summary>What a queue-proxy says, by <see cref="DataplaneHeaders.Unserved"/>, of a request that its program did not serve.</summary>
public static class Unserved
{
    /// <summary>Nothing of the request reached the program: it may be sent to another pod, whatever its method.</summary>
    public const string Unsent = "unsent";

    /// <summary>The request is idempotent and was sent once, on a connection that ended; it may be sent once more.</summary>
    public const string Lost = "lost";

    /// <summary>The program had the request and gave no response.</summary>
    public const string Failed = "failed";

    /// <summary>The outcome that a value stands for.</summary>
    internal static UpstreamResult Read(ReadOnlySpan<char> value) => value switch
    {
        Unsent => UpstreamResult.Unsent,
        Lost => UpstreamResult.Lost,
        Failed => UpstreamResult.Failed,
        _ => UpstreamResult.Done,
    };
}

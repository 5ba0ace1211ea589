namespace Serving.Dataplane.Upstreams;

/// <summary>How metrics and spans name a failed attempt.</summary>
public static class UpstreamErrors
{
    /// <summary>The name of the failure; null when there was a response.</summary>
    public static string? ErrorType(this UpstreamResult result) =>
        result switch
        {
            UpstreamResult.NotConnected => "not_connected",
            UpstreamResult.Unsent => "unsent",
            UpstreamResult.Lost => "lost",
            UpstreamResult.Failed => "failed",
            UpstreamResult.Canceled => "canceled",
            _ => null,
        };
}

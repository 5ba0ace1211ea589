namespace Serving.Dataplane.Http2;

/// <summary>A request that knows since when it waits for a connection.</summary>
internal sealed class SessionRequest(HttpMethod method, Uri uri, long began) : HttpRequestMessage(method, uri)
{
    /// <summary>When it began, as <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/> counts.</summary>
    public long Began { get; } = began;
}

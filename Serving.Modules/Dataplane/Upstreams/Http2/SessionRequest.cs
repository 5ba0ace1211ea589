namespace Serving.Dataplane.Upstreams.Http2;

/// <summary>A request that records when it started to wait for a connection.</summary>
internal sealed class SessionRequest(HttpMethod method, Uri uri, long began) : HttpRequestMessage(method, uri)
{
    /// <summary>The start time, in units of <see cref="System.Diagnostics.Stopwatch.GetTimestamp"/>.</summary>
    public long Began { get; } = began;
}

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>The destination's response is not valid HTTP/1.1, or is ambiguous.</summary>
internal sealed class Http1FormatException(string message) : IOException(message);

namespace Serving.Dataplane.Http1;

/// <summary>The destination sent what is no HTTP/1.1 answer, or one that two readers could understand differently.</summary>
internal sealed class Http1FormatException(string message) : IOException(message);

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>The client disconnected before it read the whole response. Not an error: it is not reported.</summary>
internal sealed class ClientGoneException() : OperationCanceledException("The client disconnected before it read the whole response.");

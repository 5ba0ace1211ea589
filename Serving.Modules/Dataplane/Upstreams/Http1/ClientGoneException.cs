namespace Serving.Dataplane.Http1;

/// <summary>The client takes no more of the response: nobody's fault but its own, and nobody is told.</summary>
internal sealed class ClientGoneException() : OperationCanceledException("The client takes no more of the response.");

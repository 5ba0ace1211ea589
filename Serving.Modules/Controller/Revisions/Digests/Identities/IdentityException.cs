namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The cloud did not provide an identity; the message names the request and the response.</summary>
public sealed class IdentityException(string message, Exception? inner = null) : Exception(message, inner);

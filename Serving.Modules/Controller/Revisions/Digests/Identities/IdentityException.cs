namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>The cloud did not say who this machine is; the message says what was asked and what came.</summary>
public sealed class IdentityException(string message, Exception? inner = null) : Exception(message, inner);

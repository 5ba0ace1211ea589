namespace Serving.Controller.Revisions.Digests.Registries;

/// <summary>A registry or its token service answered something else than what was asked for; the message is its answer.</summary>
internal sealed class RegistryException(string message) : Exception(message);

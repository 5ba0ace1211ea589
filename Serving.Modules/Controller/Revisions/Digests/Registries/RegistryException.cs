namespace Serving.Controller.Revisions.Digests.Registries;

/// <summary>An unexpected response of a registry or its token service; the message is the response.</summary>
internal sealed class RegistryException(string message) : Exception(message);

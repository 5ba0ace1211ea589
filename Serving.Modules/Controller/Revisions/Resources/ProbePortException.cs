namespace Serving.Controller.Revisions.Resources;

/// <summary>A probe of a Revision has no port number and none can be derived.</summary>
internal sealed class ProbePortException(string message) : Exception(message);

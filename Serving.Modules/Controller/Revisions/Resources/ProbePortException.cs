namespace Serving.Controller.Revisions.Resources;

/// <summary>A probe of a Revision asks a port that nobody can know.</summary>
internal sealed class ProbePortException(string message) : Exception(message);

namespace Serving.Controller.Common;

/// <summary>A child of the wanted name exists but belongs to somebody else; the status says so, and the work is tried again.</summary>
internal sealed class NotOwnedException(string message) : Exception(message);

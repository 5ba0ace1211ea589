namespace Serving.Controller.Revisions;

/// <summary>A certificate that pods mount is not there yet; the work is tried again.</summary>
internal sealed class CertificateNotReadyException(string message) : Exception(message);

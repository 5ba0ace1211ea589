namespace Serving.Controller.Revisions;

/// <summary>A certificate that pods mount is not ready yet; the reconcile is retried.</summary>
internal sealed class CertificateNotReadyException(string message) : Exception(message);

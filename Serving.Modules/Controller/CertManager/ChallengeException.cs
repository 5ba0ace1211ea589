namespace Serving.Controller.CertManager;

/// <summary>A domain needs an HTTP-01 challenge, but has no solver yet; the reconcile is retried.</summary>
internal sealed class ChallengeException(string message) : Exception(message);

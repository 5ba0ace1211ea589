namespace Serving.Controller.CertManager;

/// <summary>A domain must be checked by HTTP, but nothing answers for it yet; the work is tried again.</summary>
internal sealed class ChallengeException(string message) : Exception(message);

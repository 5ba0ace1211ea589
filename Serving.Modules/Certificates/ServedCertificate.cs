namespace Serving.Certificates;

/// <summary>A certificate that this process serves.</summary>
/// <param name="Purpose">What it is for: one of the purposes of <see cref="ServedCertificates"/>.</param>
/// <param name="Namespace">The namespace of its Secret; empty when it is not stored.</param>
/// <param name="Secret">The Secret; empty when it is not stored.</param>
/// <param name="NotAfter">When it expires.</param>
public readonly record struct ServedCertificate(string Purpose, string Namespace, string Secret, DateTimeOffset NotAfter);

namespace Serving.Api.Config;

/// <summary>config-certmanager: the issuers of certificates.</summary>
public sealed record CertManagerConfig
{
    /// <summary>The defaults.</summary>
    public static CertManagerConfig Default { get; } = new();

    /// <summary>The issuer for external domains.</summary>
    public IssuerReference IssuerRef { get; init; } = IssuerReference.SelfSigned;

    /// <summary>The issuer for cluster-local domains.</summary>
    public IssuerReference ClusterLocalIssuerRef { get; init; } = IssuerReference.SelfSigned;

    /// <summary>The issuer for system-internal TLS.</summary>
    public IssuerReference SystemInternalIssuerRef { get; init; } = IssuerReference.SelfSigned;
}

namespace Serving.Api.Config;

/// <summary>config-certmanager: which issuers sign certificates of which kind.</summary>
public sealed record CertManagerConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static CertManagerConfig Default { get; } = new();

    /// <summary>Signs certificates of external domains.</summary>
    public IssuerReference IssuerRef { get; init; } = IssuerReference.SelfSigned;

    /// <summary>Signs certificates of cluster-local domains.</summary>
    public IssuerReference ClusterLocalIssuerRef { get; init; } = IssuerReference.SelfSigned;

    /// <summary>Signs certificates between parts of the system.</summary>
    public IssuerReference SystemInternalIssuerRef { get; init; } = IssuerReference.SelfSigned;
}

using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>Asks cert-manager for a certificate (cert-manager.io/v1 Certificate); fields that we do not set are kept.</summary>
public sealed record CertManagerCertificate : KubernetesObject
{
    public CertManagerCertificateSpec Spec { get; init => field = value ?? new(); } = new();
    public CertManagerCertificateStatus Status { get; init => field = value ?? new(); } = new();
}

/// <summary>Which names, by whom, and where to put it.</summary>
public sealed record CertManagerCertificateSpec : Extensible
{
    public string CommonName { get; init => field = value ?? ""; } = "";
    public IReadOnlyList<string> DnsNames { get; init => field = value ?? []; } = [];
    [RequiredField]
    public string SecretName { get; init => field = value ?? ""; } = "";
    [RequiredField]
    public CertManagerIssuerReference IssuerRef { get; init => field = value ?? new(); } = new();
    public CertManagerSecretTemplate? SecretTemplate { get; init; }
}

/// <summary>Who signs.</summary>
public sealed record CertManagerIssuerReference : Extensible
{
    [RequiredField]
    public string Name { get; init => field = value ?? ""; } = "";
    public string Kind { get; init => field = value ?? ""; } = "";
    public string Group { get; init => field = value ?? ""; } = "";
}

/// <summary>What the Secret carries beside the certificate.</summary>
public sealed record CertManagerSecretTemplate : Extensible
{
    public IReadOnlyDictionary<string, string> Labels { get; init => field = value ?? Empty.Map; } = Empty.Map;
}

/// <summary>How far it is, and until when it holds.</summary>
public sealed record CertManagerCertificateStatus : Extensible
{
    public DateTimeOffset? NotAfter { get; init; }
    public DateTimeOffset? RenewalTime { get; init; }
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

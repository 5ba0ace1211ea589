using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>Requests a certificate from cert-manager (cert-manager.io/v1 Certificate); fields that we do not set are kept.</summary>
public sealed record CertManagerCertificate : KubernetesObject
{
    public CertManagerCertificateSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
    public CertManagerCertificateStatus Status
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The names, the issuer, and the Secret.</summary>
public sealed record CertManagerCertificateSpec : Extensible
{
    public string CommonName
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<string> DnsNames
    {
        get;
        init => field = value ?? [];
    } = [];

    [RequiredField]
    public string SecretName
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public CertManagerIssuerReference IssuerRef
    {
        get;
        init => field = value ?? new();
    } = new();
    public CertManagerSecretTemplate? SecretTemplate { get; init; }
}

/// <summary>A reference to the issuer.</summary>
public sealed record CertManagerIssuerReference : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Group
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>Metadata of the Secret.</summary>
public sealed record CertManagerSecretTemplate : Extensible
{
    public IReadOnlyDictionary<string, string> Labels
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
}

/// <summary>The conditions, and the expiry.</summary>
public sealed record CertManagerCertificateStatus : Extensible
{
    public DateTimeOffset? NotAfter { get; init; }
    public DateTimeOffset? RenewalTime { get; init; }
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
}

using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>Requests a certificate for some DNS names (networking.internal.knative.dev/v1alpha1 Certificate).</summary>
public sealed record Certificate : KnativeObject<CertificateStatus>
{
    public CertificateSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The names, and the Secret of the certificate.</summary>
public sealed record CertificateSpec : Extensible
{
    [RequiredField]
    public IReadOnlyList<string> DnsNames
    {
        get;
        init => field = value ?? [];
    } = [];
    public string Domain
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string SecretName
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The expiry of the certificate, and pending challenges.</summary>
public sealed record CertificateStatus : KnativeStatus
{
    public DateTimeOffset? NotAfter { get; init; }

    [System.Text.Json.Serialization.JsonPropertyName("http01Challenges")]
    public IReadOnlyList<Http01Challenge> Http01Challenges
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A path that must be routed so that the issuer can validate the domain.</summary>
public sealed record Http01Challenge : Extensible
{
    public string Url
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ServiceName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ServiceNamespace
    {
        get;
        init => field = value ?? "";
    } = "";
    public IntOrString ServicePort { get; init; }
}

/// <summary>Reserves a domain for a namespace, cluster-wide (networking.internal.knative.dev/v1alpha1 ClusterDomainClaim).</summary>
public sealed record ClusterDomainClaim : KubernetesObject
{
    public ClusterDomainClaimSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The namespace that may use the domain.</summary>
public sealed record ClusterDomainClaimSpec : Extensible
{
    [RequiredField]
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";
}

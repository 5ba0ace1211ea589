using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>The part of an issuer (cert-manager.io/v1 Issuer and ClusterIssuer) that says how domains are validated. Read-only.</summary>
public sealed record CertManagerIssuer : IKubernetesObject
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public ObjectMeta Metadata
    {
        get;
        init => field = value ?? new();
    } = new();
    public CertManagerIssuerSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();

    /// <summary>Whether domains are validated by HTTP-01 challenges.</summary>
    [JsonIgnore]
    public bool ChecksByHttp => Spec.Acme?.Solvers is [{ Http01: { ValueKind: JsonValueKind.Object } }, ..];
}

/// <summary>Set for ACME issuers.</summary>
public sealed record CertManagerIssuerSpec
{
    public AcmeIssuer? Acme { get; init; }
}

/// <summary>An ACME issuer and its solvers.</summary>
public sealed record AcmeIssuer
{
    public IReadOnlyList<AcmeSolver> Solvers
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A challenge solver.</summary>
public sealed record AcmeSolver
{
    [JsonPropertyName("http01")]
    public JsonElement? Http01 { get; init; }
}

using System.Text.Json;
using System.Text.Json.Serialization;
using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>Who signs (cert-manager.io/v1 Issuer and ClusterIssuer), as far as it concerns how domains are checked. It is for reading.</summary>
public sealed record CertManagerIssuer : IKubernetesObject
{
    public string ApiVersion { get; init => field = value ?? ""; } = "";
    public string Kind { get; init => field = value ?? ""; } = "";
    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
    public CertManagerIssuerSpec Spec { get; init => field = value ?? new(); } = new();

    /// <summary>Whether domains are checked by a path on them that the authority asks for.</summary>
    [JsonIgnore]
    public bool ChecksByHttp => Spec.Acme?.Solvers is [{ Http01: { ValueKind: JsonValueKind.Object } }, ..];
}

/// <summary>Set for authorities that speak ACME.</summary>
public sealed record CertManagerIssuerSpec
{
    public AcmeIssuer? Acme { get; init; }
}

/// <summary>An authority that speaks ACME, and how its challenges are solved.</summary>
public sealed record AcmeIssuer
{
    public IReadOnlyList<AcmeSolver> Solvers { get; init => field = value ?? []; } = [];
}

/// <summary>A way to solve challenges.</summary>
public sealed record AcmeSolver
{
    [JsonPropertyName("http01")]
    public JsonElement? Http01 { get; init; }
}

using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>An open question of an authority (acme.cert-manager.io/v1 Challenge). It is for reading.</summary>
public sealed record CertManagerChallenge : IKubernetesObject
{
    public string ApiVersion { get; init => field = value ?? ""; } = "";
    public string Kind { get; init => field = value ?? ""; } = "";
    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
    public CertManagerChallengeSpec Spec { get; init => field = value ?? new(); } = new();
}

/// <summary>Where the authority asks, and for what.</summary>
public sealed record CertManagerChallengeSpec
{
    public string DnsName { get; init => field = value ?? ""; } = "";
    public string Token { get; init => field = value ?? ""; } = "";
}

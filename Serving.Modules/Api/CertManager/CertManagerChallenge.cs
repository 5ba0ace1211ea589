using Serving.Api.Core;

namespace Serving.Api.CertManager;

/// <summary>A pending ACME challenge (acme.cert-manager.io/v1 Challenge). Read-only.</summary>
public sealed record CertManagerChallenge : IKubernetesObject
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
    public CertManagerChallengeSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The domain and the token of the challenge.</summary>
public sealed record CertManagerChallengeSpec
{
    public string DnsName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Token
    {
        get;
        init => field = value ?? "";
    } = "";
}

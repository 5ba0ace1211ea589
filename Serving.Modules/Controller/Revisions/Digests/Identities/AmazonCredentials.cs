namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Keys that sign requests to Amazon's services.</summary>
/// <param name="AccessKey">The key's name.</param>
/// <param name="SecretKey">The key itself.</param>
/// <param name="SessionToken">What makes a temporary key valid; or empty.</param>
internal sealed record AmazonCredentials(string AccessKey, string SecretKey, string SessionToken)
{
    public override string ToString() => AccessKey;
}

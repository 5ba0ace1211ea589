namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>AWS credentials.</summary>
/// <param name="AccessKey">The access key id.</param>
/// <param name="SecretKey">The secret access key.</param>
/// <param name="SessionToken">The session token of temporary credentials; or empty.</param>
internal sealed record AmazonCredentials(string AccessKey, string SecretKey, string SessionToken)
{
    public override string ToString() => AccessKey;
}

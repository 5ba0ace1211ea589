namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Authorizes requests.</summary>
internal interface IAuthorizer
{
    /// <summary>Decides whether <paramref name="request"/> is allowed.</summary>
    Decision Authorize(in AccessRequest request);
}

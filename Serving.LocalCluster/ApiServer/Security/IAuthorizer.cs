namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Decides who may do what.</summary>
internal interface IAuthorizer
{
    /// <summary>Whether the caller of <paramref name="request"/> may do what it asks for.</summary>
    Decision Authorize(in AccessRequest request);
}

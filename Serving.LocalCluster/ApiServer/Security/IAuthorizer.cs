namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Decides who may do what.</summary>
internal interface IAuthorizer
{
    /// <summary>Null when the caller may; else why not.</summary>
    string? Refusal(Caller caller, string verb, string group, string resource, string? subresource, string ns, string? name);
}

/// <summary>Everyone who is known may do everything: the cluster is one person's, on loopback.</summary>
internal sealed class AllowAll : IAuthorizer
{
    public string? Refusal(Caller caller, string verb, string group, string resource, string? subresource, string ns, string? name) => null;
}

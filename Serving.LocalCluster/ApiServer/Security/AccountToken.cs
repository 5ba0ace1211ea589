namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>The claims of a service account token.</summary>
/// <param name="Namespace">The account's namespace.</param>
/// <param name="Name">The account's name.</param>
/// <param name="Uid">The account's uid: a recreated account of the same name is another one.</param>
/// <param name="Audiences">The audiences of the token.</param>
/// <param name="Bound">The object that the token is bound to; null for none.</param>
/// <param name="Id">The id of the token.</param>
internal sealed record AccountToken(
    string Namespace,
    string Name,
    string Uid,
    IReadOnlyList<string> Audiences,
    BoundObject? Bound,
    string Id
)
{
    /// <summary>The expiration time.</summary>
    public DateTimeOffset Expires { get; init; }
}

/// <summary>An object to which a token is bound.</summary>
/// <param name="Resource"><c>pod</c>, <c>secret</c> or <c>node</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Uid">Its uid.</param>
internal sealed record BoundObject(string Resource, string Name, string Uid);

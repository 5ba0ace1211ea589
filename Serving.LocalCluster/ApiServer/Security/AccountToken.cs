namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>What a service account token says.</summary>
/// <param name="Namespace">The account's namespace.</param>
/// <param name="Name">The account's name.</param>
/// <param name="Uid">The account's uid: one of the same name made later is another.</param>
/// <param name="Audiences">For whom the token is.</param>
/// <param name="Bound">The object with which the token ends; null for none.</param>
/// <param name="Id">The token's own name.</param>
internal sealed record AccountToken(string Namespace, string Name, string Uid, IReadOnlyList<string> Audiences, BoundObject? Bound, string Id)
{
    /// <summary>When it ends at the latest.</summary>
    public DateTimeOffset Expires { get; init; }
}

/// <summary>An object to which a token is bound.</summary>
/// <param name="Resource"><c>pod</c>, <c>secret</c> or <c>node</c>.</param>
/// <param name="Name">Its name.</param>
/// <param name="Uid">Its uid.</param>
internal sealed record BoundObject(string Resource, string Name, string Uid);

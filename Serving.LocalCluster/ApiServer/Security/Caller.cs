using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>The user of a request.</summary>
/// <param name="Name">The user's name; for a service account <c>system:serviceaccount:NAMESPACE:NAME</c>.</param>
/// <param name="Uid">The user's uid; empty when there is none.</param>
/// <param name="Groups">The groups the user is in.</param>
internal sealed record Caller(string Name, string Uid, IReadOnlyList<string> Groups)
{
    /// <summary>The group whose members may do everything.</summary>
    public const string Masters = "system:masters";

    public const string Authenticated = "system:authenticated";

    public const string Unauthenticated = "system:unauthenticated";

    private const string AccountPrefix = "system:serviceaccount:";

    /// <summary>The administrator of the kubeconfig.</summary>
    public static readonly Caller Admin = new("kubernetes-admin", "", [Masters, Authenticated]);

    /// <summary>The server itself.</summary>
    public static readonly Caller Server = new("system:apiserver", "", [Masters, Authenticated]);

    /// <summary>
    /// The user that installs the control plane. Its writes bypass webhooks: these may point to the process that is being started,
    /// and a start must always be able to restore the objects that it needs.
    /// </summary>
    public static readonly Caller Installer = new("system:serving-installer", "", [Masters, Authenticated]) { SkipsWebhooks = true };

    /// <summary>A caller without credentials.</summary>
    public static readonly Caller Anonymous = new("system:anonymous", "", [Unauthenticated]);

    /// <summary>Extra attributes, such as <c>authentication.kubernetes.io/pod-name</c>.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Extra { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Whether the caller's writes bypass webhooks.</summary>
    public bool SkipsWebhooks { get; private init; }

    /// <summary>Whether the caller may do everything, regardless of roles.</summary>
    public bool IsMaster { get; } = Groups.Contains(Masters);

    /// <summary>A service account.</summary>
    public static Caller ServiceAccount(string ns, string name, string uid) =>
        new($"{AccountPrefix}{ns}:{name}", uid, [.. AccountGroups(ns), Authenticated]);

    /// <summary>The groups of all service accounts of a namespace.</summary>
    public static IReadOnlyList<string> AccountGroups(string ns) => ["system:serviceaccounts", $"system:serviceaccounts:{ns}"];

    /// <summary>The namespace and name in a service account's user name; null for other users.</summary>
    public static (string Namespace, string Name)? AccountOf(string user)
    {
        if (!user.StartsWith(AccountPrefix, StringComparison.Ordinal))
            return null;
        var parts = user[AccountPrefix.Length..].Split(':');
        return parts is [{ Length: > 0 } ns, { Length: > 0 } name] ? (ns, name) : null;
    }

    /// <summary>The <c>UserInfo</c> of the authentication API.</summary>
    public JsonObject ToUserInfo()
    {
        var user = new JsonObject { ["username"] = Name };
        if (Uid.Length > 0)
            user["uid"] = Uid;
        user["groups"] = Strings(Groups);
        if (Extra.Count > 0)
            user["extra"] = new JsonObject(
                Extra.OrderBy(e => e.Key, StringComparer.Ordinal).Select(e => KeyValuePair.Create(e.Key, (JsonNode?)Strings(e.Value)))
            );
        return user;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => (JsonNode)v)]);
}

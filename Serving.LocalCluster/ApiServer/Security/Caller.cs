using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>Who makes a request.</summary>
internal sealed record Caller(string Name, string Uid, IReadOnlyList<string> Groups)
{
    /// <summary>The administrator of the kubeconfig.</summary>
    public static readonly Caller Admin = new("kubernetes-admin", "", ["system:masters", "system:authenticated"]);

    /// <summary>The server itself.</summary>
    public static readonly Caller Server = new("system:apiserver", "", ["system:masters", "system:authenticated"]);

    /// <summary>As <c>UserInfo</c> of the authentication API.</summary>
    public JsonObject ToUserInfo()
    {
        var user = new JsonObject { ["username"] = Name };
        if (Uid.Length > 0)
            user["uid"] = Uid;
        user["groups"] = new JsonArray([.. Groups.Select(g => (JsonNode)g)]);
        return user;
    }
}

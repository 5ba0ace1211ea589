using System.Text.Json.Nodes;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>
/// The roles and bindings of every cluster, from <c>default-policy.yaml</c>. At start, missing ones are created, and removed rules
/// and subjects are restored unless the object disables that.
/// </summary>
internal static class DefaultPolicy
{
    private const string AutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";

    /// <summary>Creates and restores the policy.</summary>
    public static void Ensure(ObjectStore store)
    {
        using var stream = typeof(DefaultPolicy).Assembly.GetManifestResourceStream("default-policy.yaml")!;
        using var reader = new StreamReader(stream);
        foreach (var document in YamlDocuments.Read(reader.ReadToEnd()).OfType<JsonObject>())
            Ensure(store, document);
    }

    private static void Ensure(ObjectStore store, JsonObject wanted)
    {
        var isRole = wanted.String("kind") == "ClusterRole";
        var resource = isRole ? "clusterroles" : "clusterrolebindings";
        wanted.Child("metadata").Child("labels")["kubernetes.io/bootstrapping"] = "rbac-defaults";
        wanted.Child("metadata").Child("annotations")[AutoUpdate] = "true";
        if (store.Get(Policy.Group, resource, "", wanted.String("metadata", "name")!) is not { } stored)
        {
            var metadata = wanted.Child("metadata");
            metadata["uid"] = Guid.NewGuid().ToString();
            metadata["creationTimestamp"] = Json.Time(store.Time.GetUtcNow());
            store.Create(Policy.Group, resource, wanted);
            return;
        }

        var document = stored.Document();
        if (document.String("metadata", "annotations", AutoUpdate) == "false" || document["aggregationRule"] is not null)
            return;
        var field = isRole ? "rules" : "subjects";
        var kept = document.Array(field) ?? [];
        var missing = (wanted.Array(field) ?? []).Where(w => !kept.Any(k => JsonNode.DeepEquals(k, w))).ToList();
        if (missing.Count == 0)
            return;
        document[field] = new JsonArray([.. kept.Concat(missing).Select(item => item!.DeepClone())]);
        store.Replace(Policy.Group, resource, stored, document);
    }
}

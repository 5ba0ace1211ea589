using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>Matches requests against the rules of a webhook.</summary>
internal static class WebhookRules
{
    /// <summary>The resource version in which the webhook gets the object; null when its rules do not match.</summary>
    public static ResourceInfo? Match(
        JsonObject webhook,
        ResourceRequest request,
        AdmissionOperation operation,
        JsonObject? document,
        JsonObject? old,
        ObjectStore store,
        ResourceRegistry registry
    )
    {
        var resource = request.Resource;
        var seen = MatchRules(webhook, resource, request.Subresource, operation);
        if (seen is null && webhook.String("matchPolicy") == "Equivalent")
        {
            seen = registry
                .All.Where(r => r.Plural == resource.Plural && r.Group == resource.Group && r.Version != resource.Version)
                .Select(other => MatchRules(webhook, other, request.Subresource, operation))
                .FirstOrDefault(m => m is not null);
        }

        if (seen is null || !MatchesNamespace(webhook, request, document ?? old, store))
            return null;
        var selector = webhook.Object("objectSelector");
        return selector is not { Count: > 0 } || MatchesObject(selector, document) || MatchesObject(selector, old) ? seen : null;
    }

    private static ResourceInfo? MatchRules(JsonObject webhook, ResourceInfo resource, string? subresource, AdmissionOperation operation)
    {
        var verb = operation.ToString().ToUpperInvariant();
        foreach (var rule in webhook.Array("rules") ?? [])
        {
            if (
                Has(rule.Array("operations"), verb)
                && Has(rule.Array("apiGroups"), resource.Group)
                && Has(rule.Array("apiVersions"), resource.Version)
                && MatchesScope(rule.String("scope"), resource)
                && (rule.Array("resources") ?? []).Any(r => MatchesResource(r?.GetValue<string>() ?? "", resource.Plural, subresource))
            )
                return resource;
        }

        return null;
    }

    private static bool Has(JsonArray? list, string wanted) =>
        (list ?? []).Any(i => i?.GetValue<string>() is { } text && (text == "*" || text == wanted));

    private static bool MatchesScope(string? scope, ResourceInfo resource) =>
        scope switch
        {
            "Cluster" => !resource.IsNamespaced,
            "Namespaced" => resource.IsNamespaced,
            _ => true,
        };

    private static bool MatchesResource(string pattern, string plural, string? subresource)
    {
        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
            return subresource is null && (pattern == "*" || pattern == plural);
        var (name, sub) = (pattern[..slash], pattern[(slash + 1)..]);
        return (name == "*" || name == plural) && (sub == "*" || sub == subresource);
    }

    private static bool MatchesNamespace(JsonObject webhook, ResourceRequest request, JsonObject? document, ObjectStore store)
    {
        if (webhook.Object("namespaceSelector") is not { Count: > 0 } selector)
            return true;
        if (request.Resource is { Group: "", Kind: "Namespace" })
            return MatchesObject(selector, document);
        if (!request.Resource.IsNamespaced)
            return true;
        return store.Get("", "namespaces", "", request.Namespace) is { } ns && Selector.Matches(selector, ns.Labels);
    }

    private static bool MatchesObject(JsonObject selector, JsonObject? document)
    {
        if (document is null)
            return false;
        var labels = (document.Object("metadata", "labels") ?? []).ToDictionary(
            l => l.Key,
            l => l.Value?.ToString() ?? "",
            StringComparer.Ordinal
        );
        return Selector.Matches(selector, labels);
    }
}

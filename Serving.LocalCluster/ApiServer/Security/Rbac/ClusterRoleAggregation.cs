using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Security.Rbac;

/// <summary>
/// Writes the rules of the selected ClusterRoles into every ClusterRole with an aggregationRule, as kube-controller-manager
/// does, but inside the server, so that roles are complete even when the controllers run elsewhere.
/// </summary>
internal sealed class ClusterRoleAggregation(
    ObjectStore store,
    ResourceRegistry registry,
    ResourceWriter writer,
    ILogger<ClusterRoleAggregation> logger
)
{
    private const string Plural = "clusterroles";
    private const string Manager = "clusterrole-aggregation-controller";

    /// <summary>Aggregates all roles and watches for changes, until the store closes its watches.</summary>
    public async Task StartAsync()
    {
        var watcher = store.Watch(Policy.Group, Plural, null, Selector.Everything, null, initial: false, endBookmark: false);
        await AggregateAsync();
        BackgroundFailure.Watch("Following cluster roles", Task.Run(() => FollowAsync(watcher)));
    }

    private async Task FollowAsync(Watcher watcher)
    {
        using (watcher)
        {
            while (await watcher.Records.WaitToReadAsync())
            {
                // Roles often change together, as when a manifest is applied: handle all queued changes at once.
                while (watcher.Records.TryRead(out var record))
                    watcher.Taken(record);
                try
                {
                    await AggregateAsync();
                }
                catch (Exception exception)
                {
                    logger.LogError(exception, "Could not aggregate cluster roles");
                }
            }
        }
    }

    // An aggregated role may itself be selected by another: its write triggers the next aggregation.
    private async Task AggregateAsync()
    {
        var roles = store.Snapshot(Policy.Group, Plural).Objects.Values.Select(r => (Stored: r, Document: r.Document())).ToList();
        foreach (var (stored, document) in roles)
        {
            if (stored.IsDeleting || document.Array("aggregationRule", "clusterRoleSelectors") is not { Count: > 0 } selectors)
                continue;
            var rules = Gather(stored.Name, selectors, roles);
            if (!JsonNode.DeepEquals(rules, document["rules"] ?? new JsonArray()))
                await WriteAsync(stored.Name, rules);
        }
    }

    private static JsonArray Gather(string name, JsonArray selectors, List<(StoredObject Stored, JsonObject Document)> roles)
    {
        var gathered = new List<JsonNode>();
        foreach (var selector in selectors.OfType<JsonObject>())
        {
            foreach (var (stored, document) in roles)
            {
                if (stored.Name == name || !Selector.Matches(selector, stored.Labels))
                    continue;
                gathered.AddRange(
                    (document.Array("rules") ?? [])
                        .Where(rule => !gathered.Any(g => JsonNode.DeepEquals(g, rule)))
                        .Select(rule => rule!.DeepClone())
                );
            }
        }

        return [.. gathered];
    }

    private async Task WriteAsync(string name, JsonArray rules)
    {
        var resource = registry.Find(Policy.Group, "v1", Plural)!;
        var request = new ResourceRequest(new DefaultHttpContext(), resource, "", name, null, Caller.Server) { FieldManager = Manager };
        try
        {
            await writer.UpdateAsync(
                request,
                current =>
                {
                    current["rules"] = rules.DeepClone();
                    return current;
                }
            );
        }
        catch (ApiException exception) when (exception.Code == 404)
        {
            // The role was deleted meanwhile.
        }
    }
}

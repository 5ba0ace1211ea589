using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.CustomResources;

/// <summary>
/// Serves the resources of CustomResourceDefinitions. It watches the store directly, so that a definition is served and
/// established before clients see it, and deletes the instances with their definition.
/// </summary>
internal sealed class CustomResourceController(
    ObjectStore store,
    ResourceRegistry registry,
    ResourceHandler resources,
    TimeProvider time,
    ILogger<CustomResourceController> logger
)
{
    private const string Group = "apiextensions.k8s.io";
    private const string Plural = "customresourcedefinitions";
    private const string Cleanup = "customresourcecleanup.apiextensions.k8s.io";

    private Watcher? _watcher;

    /// <summary>Serves all definitions and watches for changes, until the store closes its watches.</summary>
    public void Start()
    {
        foreach (var stored in store.All(Group, Plural))
            Serve(stored);
        _watcher = store.Watch(Group, Plural, null, Selector.Everything, null, initial: true, endBookmark: false);
        BackgroundFailure.Watch("Following custom resource definitions", Task.Run(FollowAsync));
    }

    private async Task FollowAsync()
    {
        using var watcher = _watcher!;
        await foreach (var record in watcher.Records.ReadAllAsync())
        {
            watcher.Taken(record);
            try
            {
                if (record.Kind == WatchEventKind.Deleted)
                    registry.Remove(record.Object!.Name);
                else
                    Reconcile(record.Object!);
            }
            catch (Exception exception)
            {
                logger.LogError(exception, "Could not serve the definition {Name}", record.Object?.Name);
            }
        }
    }

    private void Reconcile(StoredObject seen)
    {
        if (store.Get(Group, Plural, "", seen.Name) is not { } stored || stored.Revision != seen.Revision)
            return; // A newer one follows.
        if (stored.IsDeleting)
        {
            BackgroundFailure.Watch($"Removing the definition {stored.Name}", RemoveAsync(stored.Name));
            return;
        }

        Serve(stored);
        Establish(stored);
    }

    private void Serve(StoredObject stored)
    {
        var spec = stored.Document().Object("spec") ?? [];
        var names = spec.Object("names") ?? [];
        var versions = spec.Array("versions") ?? [];
        var storage = versions.FirstOrDefault(v => v.True("storage")).String("name") ?? "";
        registry.Set(
            stored.Name,
            versions
                .OfType<JsonObject>()
                .Where(v => v.True("served"))
                .OrderByDescending(v => v.String("name"), VersionOrder.Instance)
                .Select(v => Read(spec, names, v, storage))
        );
    }

    private static ResourceInfo Read(JsonObject spec, JsonObject names, JsonObject version, string storage)
    {
        var scale = version.Object("subresources", "scale");
        var subresources = new HashSet<string>(StringComparer.Ordinal);
        if (version.Object("subresources", "status") is not null)
            subresources.Add("status");
        if (scale is not null)
            subresources.Add("scale");
        var (group, kind, name) = (spec.String("group")!, names.String("kind")!, version.String("name")!);
        var warning = version.True("deprecated") ? version.String("deprecationWarning") ?? $"{group}/{name} {kind} is deprecated" : null;
        return new ResourceInfo
        {
            Group = group,
            Version = name,
            Kind = kind,
            ListKind = names.String("listKind") ?? kind + "List",
            Plural = names.String("plural")!,
            Singular = names.String("singular") ?? kind.ToLowerInvariant(),
            IsNamespaced = spec.String("scope") == "Namespaced",
            ShortNames = Strings(names.Array("shortNames")),
            Categories = Strings(names.Array("categories")),
            Subresources = subresources,
            Schema = CustomSchema.Read(version.Object("schema", "openAPIV3Schema")),
            Custom = new CustomVersion(
                (JsonArray?)version.Array("additionalPrinterColumns")?.DeepClone(),
                scale.String("specReplicasPath"),
                scale.String("statusReplicasPath"),
                scale.String("labelSelectorPath"),
                storage,
                warning,
                spec.True("preserveUnknownFields")
            )
            {
                SelectableFields = [.. (version.Array("selectableFields") ?? []).Select(f => f.String("jsonPath")?.TrimStart('.') ?? "")],
            },
        };
    }

    private static List<string> Strings(JsonArray? list) => [.. (list ?? []).Select(s => s?.GetValue<string>() ?? "")];

    private void Establish(StoredObject stored)
    {
        var document = stored.Document();
        var now = Json.Time(time.GetUtcNow());
        var wanted = (JsonObject)(document.Object("status")?.DeepClone() ?? new JsonObject());
        var names = document.At("spec", "names")!;
        var storage = (document.Array("spec", "versions") ?? []).First(v => v.True("storage")).String("name")!;
        if (wanted["conditions"] is not JsonArray conditions)
            wanted["conditions"] = conditions = [];
        SetCondition(conditions, "NamesAccepted", "NoConflicts", "no conflicts found", now);
        SetCondition(conditions, "Established", "InitialNamesAccepted", "the initial names have been accepted", now);
        wanted["acceptedNames"] = names.DeepClone();
        if (wanted["storedVersions"] is not JsonArray versions)
            wanted["storedVersions"] = versions = [];
        if (!versions.Any(v => v?.GetValue<string>() == storage))
            versions.Add(storage);
        if (JsonNode.DeepEquals(wanted, document["status"]))
            return;
        document["status"] = wanted;
        store.Replace(Group, Plural, stored, document);
    }

    private static void SetCondition(JsonArray conditions, string type, string reason, string message, string now)
    {
        if (conditions.Any(c => c.String("type") == type && c.String("status") == "True"))
            return;
        foreach (var old in conditions.Where(c => c.String("type") == type).ToList())
            conditions.Remove(old);
        conditions.Add(
            new JsonObject
            {
                ["type"] = type,
                ["status"] = "True",
                ["lastTransitionTime"] = now,
                ["reason"] = reason,
                ["message"] = message,
            }
        );
    }

    // Instances may have finalizers that their controllers must remove first.
    private async Task RemoveAsync(string name)
    {
        try
        {
            while (store.Get(Group, Plural, "", name) is { IsDeleting: true } stored)
            {
                var document = stored.Document();
                if (!MetadataRules.Finalizers(document).Contains(Cleanup))
                    return; // The instances are deleted; the definition has other finalizers.
                var any = registry.FindAny(document.String("spec", "group")!, document.String("spec", "names", "plural")!);
                if (any is null || resources.DeleteAll(any))
                {
                    var finalizers = MetadataRules.Finalizers(document).Where(f => f != Cleanup).ToList();
                    document.Child("metadata")["finalizers"] = new JsonArray([.. finalizers.Select(f => (JsonNode)f)]);
                    var done =
                        finalizers.Count == 0
                            ? store.Remove(Group, Plural, stored, document)
                            : store.Replace(Group, Plural, stored, document);
                    if (done is not null)
                        return;
                }

                await Task.Delay(TimeSpan.FromMilliseconds(100), time);
            }
        }
        catch (Exception exception)
        {
            logger.LogError(exception, "Could not remove the definition {Name}", name);
        }
    }
}

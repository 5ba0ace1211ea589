using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>
/// Converts between the storage version of an object and its served versions. Custom resources differ only in their apiVersion (conversion
/// None); the two event groups share one collection, with different names for some fields; autoscalers are stored as v2.
/// </summary>
internal static class Conversion
{
    private const string CoreEvent = "v1";
    private const string NewEvent = "events.k8s.io/v1";

    private static readonly (string Core, string New)[] EventFields =
    [
        ("involvedObject", "regarding"),
        ("message", "note"),
        ("reportingComponent", "reportingController"),
        ("source", "deprecatedSource"),
        ("firstTimestamp", "deprecatedFirstTimestamp"),
        ("lastTimestamp", "deprecatedLastTimestamp"),
        ("count", "deprecatedCount"),
    ];

    /// <summary>The group under which a resource's objects are stored.</summary>
    public static string StorageGroup(this ResourceInfo resource) =>
        resource is { Group: "events.k8s.io", Custom: null } ? "" : resource.Group;

    /// <summary>The object's JSON in the requested version; shared if that is the storage version.</summary>
    public static byte[] Serve(StoredObject stored, ResourceInfo resource) =>
        stored.ApiVersion == resource.ApiVersion ? stored.Json : Json.Bytes(ServedDocument(stored, resource));

    /// <summary>The object in the requested version; the caller's own copy.</summary>
    public static JsonObject ServedDocument(StoredObject stored, ResourceInfo resource)
    {
        var document = stored.Document();
        if (stored.ApiVersion == resource.ApiVersion)
            return document;
        if (stored.ApiVersion == CoreEvent && resource.ApiVersion == NewEvent)
            Rename(document, toNew: true);
        else if (resource is { Group: "autoscaling", Version: "v1", Custom: null })
            AutoscalerConversion.ToV1(document);
        document["apiVersion"] = resource.ApiVersion;
        return document;
    }

    /// <summary>Converts a document to its storage version; returns the document itself when it has that version.</summary>
    public static JsonObject ToStorage(JsonObject document, ResourceInfo resource)
    {
        if (!IsConverted(resource))
            return document;
        var kept = (JsonObject)document.DeepClone();
        if (resource.Custom is { } custom)
        {
            kept["apiVersion"] = $"{resource.Group}/{custom.StorageVersion}";
        }
        else if (resource.ApiVersion == NewEvent)
        {
            Rename(kept, toNew: false);
            kept["apiVersion"] = CoreEvent;
        }
        else if (resource is { Group: "autoscaling", Version: "v1" })
        {
            AutoscalerConversion.ToV2(kept);
            kept["apiVersion"] = "autoscaling/v2";
        }

        return kept;
    }

    private static bool IsConverted(ResourceInfo resource) =>
        resource.Custom is { } custom
            ? custom.StorageVersion != resource.Version
            : resource.ApiVersion == NewEvent || resource is { Group: "autoscaling", Version: "v1" };

    /// <summary>The name of a selected field in the storage version.</summary>
    public static string StorageField(ResourceInfo resource, string field)
    {
        if (resource.ApiVersion != NewEvent)
            return field;
        foreach (var (core, renamed) in EventFields)
        {
            if (field == renamed || field.StartsWith(renamed + ".", StringComparison.Ordinal))
                return core + field[renamed.Length..];
        }

        return field;
    }

    private static void Rename(JsonObject document, bool toNew)
    {
        foreach (var (core, renamed) in EventFields)
        {
            var (from, to) = toNew ? (core, renamed) : (renamed, core);
            if (!document.TryGetPropertyValue(from, out var value))
                continue;
            document.Remove(from);
            document[to] = value;
        }
    }
}

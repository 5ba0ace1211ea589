using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Apply;

/// <summary>
/// Tracks field ownership on writes other than apply. Only objects that have been applied are tracked: fields from before the
/// first apply belong to <c>before-first-apply</c>.
/// </summary>
internal static class ManagedFieldsTracker
{
    public static void Track(ResourceRequest request, JsonObject? old, JsonObject document, TimeProvider time)
    {
        if (request.HasTrackedFields)
            return;
        var metadata = MetadataRules.Metadata(document);
        // A client resets the tracking with an empty list.
        var resets =
            metadata["managedFields"] is JsonArray list && (list.Count == 0 || (list.Count == 1 && list[0] is JsonObject { Count: 0 }));
        if (old is null || resets || old.At("metadata", "managedFields") is null)
        {
            metadata.Remove("managedFields");
            return;
        }

        metadata["managedFields"] = old.At("metadata", "managedFields")!.DeepClone();
        var schema = request.Resource.Schema;
        var changed = new FieldSet();
        ObjectFields.Changed(schema, old, document, changed, isRoot: true);
        ManagedFields.Strip(changed);
        var existing = new FieldSet();
        ObjectFields.Collect(schema, document, existing, isRoot: true);
        var before = new FieldSet();
        ObjectFields.Collect(schema, old, before, isRoot: true);
        if (changed.IsEmpty && before.ToJson().Count == existing.ToJson().Count && JsonNode.DeepEquals(before.ToJson(), existing.ToJson()))
            return;
        var entries = ManagedFields.Read(document);
        var subresource = request.Subresource ?? "";
        var mine = new FieldSet();
        var kept = new List<ManagerEntry>();
        foreach (var entry in entries)
        {
            if (entry.IsSame(request.FieldManager, "Update", subresource))
            {
                mine.Add(entry.Fields);
                continue;
            }

            entry.Fields.Subtract(changed);
            ObjectFields.Retain(entry.Fields, existing);
            kept.Add(entry);
        }

        mine.Add(changed);
        ObjectFields.Retain(mine, existing);
        mine.IsMember = false;
        kept.Add(
            new ManagerEntry(request.FieldManager, "Update", request.Resource.ApiVersion, subresource, Json.Time(time.GetUtcNow()), mine)
        );
        ManagedFields.Write(document, kept);
    }
}

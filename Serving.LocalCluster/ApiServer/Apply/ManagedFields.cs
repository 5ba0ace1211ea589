using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Apply;

/// <summary>One manager of fields.</summary>
internal sealed record ManagerEntry(string Manager, string Operation, string ApiVersion, string Subresource, string? Time, FieldSet Fields)
{
    /// <summary>Whether both have the same manager and operation.</summary>
    public bool IsSame(string manager, string operation, string subresource) =>
        Manager == manager && Operation == operation && Subresource == subresource;

    /// <summary>The format of messages.</summary>
    public string Show()
    {
        var text = $"\"{Manager}\"";
        if (Subresource.Length > 0)
            text += $" with subresource \"{Subresource}\"";
        if (Operation != "Update")
            return text;
        return Time is null ? $"{text} using {ApiVersion}" : $"{text} using {ApiVersion} at {Time}";
    }
}

/// <summary>Reads and writes <c>metadata.managedFields</c>.</summary>
internal static class ManagedFields
{
    public static List<ManagerEntry> Read(JsonObject document) =>
        [
            .. (document.Array("metadata", "managedFields") ?? [])
                .OfType<JsonObject>()
                .Where(e => e.String("manager") is not null)
                .Select(e => new ManagerEntry(
                    e.String("manager")!,
                    e.String("operation") ?? "Update",
                    e.String("apiVersion") ?? "",
                    e.String("subresource") ?? "",
                    e.String("time"),
                    FieldSet.FromJson(e.Object("fieldsV1"))
                )),
        ];

    public static void Write(JsonObject document, IEnumerable<ManagerEntry> entries)
    {
        var list = new JsonArray();
        foreach (var entry in entries.Where(e => e.Fields.Children.Count > 0))
        {
            var map = new JsonObject
            {
                ["manager"] = entry.Manager,
                ["operation"] = entry.Operation,
                ["apiVersion"] = entry.ApiVersion,
            };
            if (entry.Time is not null)
                map["time"] = entry.Time;
            map["fieldsType"] = "FieldsV1";
            map["fieldsV1"] = entry.Fields.ToJson();
            if (entry.Subresource.Length > 0)
                map["subresource"] = entry.Subresource;
            list.Add(map);
        }

        var metadata = MetadataRules.Metadata(document);
        if (list.Count == 0)
            metadata.Remove("managedFields");
        else
            metadata["managedFields"] = list;
    }

    /// <summary>
    /// Copies the times of entries from <paramref name="old"/> to <paramref name="document"/> if only such times differ: an apply whose
    /// values are normalized (<c>1000m</c>, <c>stringData</c>), or that sets fields of other managers to the same values, changes nothing
    /// and is not written.
    /// </summary>
    public static void KeepTimes(JsonObject old, JsonObject document)
    {
        if (
            document.Array("metadata", "managedFields") is not { } entries
            || old.Array("metadata", "managedFields") is not { } before
            || entries.Count != before.Count
        )
            return;
        var timeless = (JsonObject)document.DeepClone();
        timeless.Object("metadata")!["managedFields"] = before.DeepClone();
        timeless.Object("metadata")!["resourceVersion"] = old.At("metadata", "resourceVersion")?.DeepClone();
        if (
            JsonNode.DeepEquals(old, timeless)
            && entries.Zip(before).All(pair => JsonNode.DeepEquals(Timeless(pair.First), Timeless(pair.Second)))
        )
            document.Object("metadata")!["managedFields"] = before.DeepClone();
    }

    private static JsonNode? Timeless(JsonNode? entry)
    {
        var copy = entry?.DeepClone();
        (copy as JsonObject)?.Remove("time");
        return copy;
    }

    /// <summary>Removes the fields without an owner: those that identify the object and those that the server sets.</summary>
    public static void Strip(FieldSet set)
    {
        set.Remove("f:apiVersion");
        set.Remove("f:kind");
        if (set.Find("f:metadata") is not { } metadata)
            return;
        foreach (
            var name in (string[])
                [
                    "name",
                    "namespace",
                    "uid",
                    "resourceVersion",
                    "generation",
                    "creationTimestamp",
                    "deletionTimestamp",
                    "deletionGracePeriodSeconds",
                    "managedFields",
                    "selfLink",
                    "generateName",
                ]
        )
            metadata.Remove($"f:{name}");
        metadata.IsMember = false;
        if (metadata.IsEmpty)
            set.Remove("f:metadata");
    }
}

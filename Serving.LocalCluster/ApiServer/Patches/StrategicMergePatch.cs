using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Patches;

/// <summary>Kubernetes' strategic merge patch: lists are merged by the keys of the kind's schema, and directives express deletions and
/// order.</summary>
internal static class StrategicMergePatch
{
    private const string Directive = "$patch";
    private const string DeleteFrom = "$deleteFromPrimitiveList/";
    private const string Order = "$setElementOrder/";
    private const string Retain = "$retainKeys";

    /// <summary>Merges a patch into an object, in place, and returns it.</summary>
    public static JsonObject Apply(JsonObject document, JsonObject patch, Schema? schema)
    {
        switch (patch.String(Directive))
        {
            case "replace":
                var replacement = (JsonObject)patch.DeepClone();
                replacement.Remove(Directive);
                return replacement;
            case "delete":
                return [];
            case null or "merge":
                break;
            case var other:
                throw ApiException.BadRequest($"Wrong data for patch directive: unknown $patch {other}");
        }

        if (patch.Array(Retain) is { } retained)
        {
            var keep = retained.Select(r => r?.GetValue<string>()).ToHashSet(StringComparer.Ordinal);
            foreach (var name in document.Select(p => p.Key).Where(n => !keep.Contains(n)).ToList())
                document.Remove(name);
        }

        foreach (var (name, value) in patch)
        {
            if (name is Directive or Retain || name.StartsWith(Order, StringComparison.Ordinal))
                continue;
            if (name.StartsWith(DeleteFrom, StringComparison.Ordinal))
                DeleteItems(document.Array(name[DeleteFrom.Length..]), value as JsonArray);
            else
                MergeField(document, name, value, schema);
        }

        foreach (var (name, value) in patch)
        {
            if (name.StartsWith(Order, StringComparison.Ordinal) && value is JsonArray order)
                Reorder(document, name[Order.Length..], order, FieldSchema(schema, name[Order.Length..]));
        }

        return document;
    }

    private static Schema? FieldSchema(Schema? schema, string name) =>
        schema is null ? null
        : schema.Properties.TryGetValue(name, out var property) ? property
        : schema.Values;

    private static void MergeField(JsonObject document, string name, JsonNode? value, Schema? schema)
    {
        var field = FieldSchema(schema, name);
        switch (value)
        {
            case null:
                document.Remove(name);
                break;
            case JsonObject map:
                var target = document[name] as JsonObject ?? [];
                if (map.String(Directive) == "delete")
                {
                    document.Remove(name);
                    break;
                }

                var merged = Apply(target, map, field);
                if (!ReferenceEquals(merged, document[name]))
                    document[name] = merged;
                break;
            case JsonArray list when field is { Merges: true }:
                var into = document[name] as JsonArray ?? [];
                if (into.Parent is null)
                    document[name] = into;
                MergeList(into, list, field);
                break;
            default:
                document[name] = value.DeepClone();
                break;
        }
    }

    private static void MergeList(JsonArray target, JsonArray patch, Schema schema)
    {
        if (schema.MergeKey is not { } key)
        {
            foreach (var item in patch)
            {
                if (!target.Any(t => JsonNode.DeepEquals(t, item)))
                    target.Add(item?.DeepClone());
            }

            return;
        }

        if (patch.Any(i => i is JsonObject map && map.String(Directive) == "replace"))
        {
            target.Clear();
            foreach (var item in patch.OfType<JsonObject>().Where(i => i.String(Directive) is null))
                target.Add(item.DeepClone());
            return;
        }

        foreach (var item in patch)
        {
            var map = item as JsonObject ?? throw ApiException.BadRequest($"a list merged by {key} has items that are not objects");
            var identity = map[key] ?? throw ApiException.BadRequest($"map: {Json.Text(map)} does not contain declared merge key: {key}");
            var existing = target.OfType<JsonObject>().FirstOrDefault(t => JsonNode.DeepEquals(t[key], identity));
            if (map.String(Directive) == "delete")
            {
                if (existing is not null)
                    target.Remove(existing);
            }
            else if (existing is null)
            {
                target.Add(Apply([], map, schema.Items));
            }
            else
            {
                var merged = Apply(existing, map, schema.Items);
                if (!ReferenceEquals(merged, existing))
                    target[target.IndexOf(existing)] = merged;
            }
        }
    }

    private static void DeleteItems(JsonArray? list, JsonArray? gone)
    {
        if (list is null || gone is null)
            return;
        for (var i = list.Count - 1; i >= 0; i--)
        {
            if (gone.Any(g => JsonNode.DeepEquals(g, list[i])))
                list.RemoveAt(i);
        }
    }

    // Listed items are in the given order; items that only the server has stay after their predecessor.
    private static void Reorder(JsonObject document, string name, JsonArray order, Schema? schema)
    {
        if (document[name] is not JsonArray list)
            return;
        var key = schema?.MergeKey;
        JsonNode? Identity(JsonNode? item) => key is null ? item : (item as JsonObject)?[key];
        int Rank(JsonNode? item)
        {
            for (var i = 0; i < order.Count; i++)
            {
                if (JsonNode.DeepEquals(Identity(order[i]), Identity(item)))
                    return i;
            }

            return -1;
        }

        var items = list.ToList();
        var named = items.Where(i => Rank(i) >= 0).OrderBy(Rank).ToList();
        var result = new List<JsonNode?>();
        var next = 0;
        foreach (var item in items)
            result.Add(Rank(item) < 0 ? item : named[next++]);
        list.Clear();
        foreach (var item in result)
            list.Add(item);
    }
}

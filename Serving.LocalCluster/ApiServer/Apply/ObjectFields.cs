using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Apply;

/// <summary>Treats objects as sets of fields, based on their schema: listing, comparing, merging and removing fields.</summary>
internal static class ObjectFields
{
    private static readonly Schema Untyped = new() { Type = SchemaType.Any, PreservesUnknown = true };

    /// <summary>Every field of a value.</summary>
    public static void Collect(Schema schema, JsonNode? node, FieldSet set, bool isRoot = false)
    {
        switch (node)
        {
            case JsonObject { Count: > 0 } map when !schema.IsAtomic || isRoot:
                foreach (var (name, value) in map)
                    Collect(Field(schema, name, isRoot), value, set.Child($"f:{name}"));
                break;
            case JsonArray { Count: > 0 } list when schema.List == ListKind.Map:
                foreach (var item in list)
                {
                    var child = set.Child(Key(schema, item));
                    child.IsMember = true;
                    if (item is JsonObject { Count: > 0 } map)
                        Collect(schema.Items!, map, child, isRoot: true);
                }

                break;
            case JsonArray { Count: > 0 } list when schema.List == ListKind.Set:
                foreach (var item in list)
                    set.Child(Value(item)).IsMember = true;
                break;
            default:
                set.IsMember = true;
                break;
        }
    }

    /// <summary>The fields of <paramref name="after"/> that are missing in <paramref name="before"/> or have another value there.</summary>
    public static void Changed(Schema schema, JsonNode? before, JsonNode? after, FieldSet set, bool isRoot = false)
    {
        if (JsonNode.DeepEquals(before, after))
            return;
        switch (after)
        {
            case JsonObject { Count: > 0 } map when !schema.IsAtomic || isRoot:
                foreach (var (name, value) in map)
                {
                    JsonNode? old = null;
                    if (before is not JsonObject was || !was.TryGetPropertyValue(name, out old))
                        Collect(Field(schema, name, isRoot), value, set.Child($"f:{name}"));
                    else if (!JsonNode.DeepEquals(old, value))
                        Changed(Field(schema, name, isRoot), old, value, set.Child($"f:{name}"));
                }

                break;
            case JsonArray { Count: > 0 } list when schema.List != ListKind.Atomic:
                foreach (var item in list)
                {
                    var step = schema.List == ListKind.Map ? Key(schema, item) : Value(item);
                    var old = (before as JsonArray)?.FirstOrDefault(b => (schema.List == ListKind.Map ? Key(schema, b) : Value(b)) == step);
                    if (old is null)
                    {
                        set.Child(step).IsMember = true;
                        if (schema.List == ListKind.Map)
                            Collect(schema.Items!, item, set.Child(step), isRoot: true);
                    }
                    else if (!JsonNode.DeepEquals(old, item))
                    {
                        Changed(schema.Items!, old, item, set.Child(step), isRoot: true);
                    }
                }

                break;
            default:
                set.IsMember = true;
                break;
        }
    }

    /// <summary>Removes the paths that are no longer in an object.</summary>
    public static void Retain(FieldSet set, FieldSet existing)
    {
        foreach (var step in set.Children.Keys.ToList())
        {
            if (existing.Find(step) is not { } there)
            {
                set.Remove(step);
                continue;
            }

            // A leaf that became a branch, or the reverse, still exists.
            if (there.Children.Count > 0)
                Retain(set.Child(step), there);
            if (set.Child(step).IsEmpty)
                set.Remove(step);
        }
    }

    /// <summary>Merges an applied configuration into an object, in place.</summary>
    public static void Merge(Schema schema, JsonObject live, JsonObject applied, bool isRoot)
    {
        foreach (var (name, value) in applied)
        {
            var field = Field(schema, name, isRoot);
            if (value is JsonObject map && !field.IsAtomic && live[name] is JsonObject target)
                Merge(field, target, map, false);
            else if (value is JsonArray list && field.List != ListKind.Atomic && live[name] is JsonArray into)
                MergeList(field, into, list);
            else
                live[name] = value?.DeepClone();
        }
    }

    /// <summary>Removes paths from an object, in place; fields below them that other managers own are kept.</summary>
    public static void Remove(Schema schema, JsonNode? node, FieldSet paths, bool isRoot)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (step, child) in paths.Children)
                {
                    var name = step[2..];
                    if (!step.StartsWith("f:", StringComparison.Ordinal) || !map.TryGetPropertyValue(name, out var value))
                        continue;
                    if (child.IsMember)
                        map.Remove(name);
                    else
                        Remove(Field(schema, name, isRoot), value, child, false);
                }

                break;
            case JsonArray list when schema.List != ListKind.Atomic:
                for (var i = list.Count - 1; i >= 0; i--)
                {
                    var step = schema.List == ListKind.Map ? Key(schema, list[i]) : Value(list[i]);
                    if (paths.Find(step) is not { } child)
                        continue;
                    if (child.IsMember)
                        list.RemoveAt(i);
                    else
                        Remove(schema.Items!, list[i], child, true);
                }

                break;
        }
    }

    private static void MergeList(Schema schema, JsonArray live, JsonArray applied)
    {
        foreach (var item in applied)
        {
            if (schema.List == ListKind.Set)
            {
                if (!live.Any(l => JsonNode.DeepEquals(l, item)))
                    live.Add(item?.DeepClone());
                continue;
            }

            var key = Key(schema, item);
            if (live.OfType<JsonObject>().FirstOrDefault(l => Key(schema, l) == key) is { } existing && item is JsonObject map)
                Merge(schema.Items!, existing, map, true);
            else
                live.Add(item?.DeepClone());
        }
    }

    private static Schema Field(Schema schema, string name, bool isRoot)
    {
        if (schema.TypeName is null && name == "metadata" && isRoot)
            return BuiltInSchemas.Instance["meta.v1.ObjectMeta"];
        return schema.Properties.TryGetValue(name, out var property) ? property : schema.Values ?? Untyped;
    }

    private static string Key(Schema schema, JsonNode? item)
    {
        var keys = new JsonObject();
        foreach (var key in schema.ListKeys.Order(StringComparer.Ordinal))
        {
            var value = (item as JsonObject)?[key] ?? schema.Items?.Properties.GetValueOrDefault(key)?.Default;
            if (value is not null)
                keys[key] = value.DeepClone();
            else if (key == "protocol")
                keys[key] = "TCP";
        }

        return $"k:{Json.Text(keys)}";
    }

    private static string Value(JsonNode? item) => $"v:{(item is null ? "null" : Json.Text(item))}";
}

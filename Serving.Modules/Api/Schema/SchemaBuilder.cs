using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using Serving.Api.Core;

namespace Serving.Api.Schema;

/// <summary>
/// Builds the structural schema of a record: the types from its JSON metadata, so that schema and serializer cannot diverge; the rest from
/// <see cref="FieldRules"/>.
/// </summary>
internal static class SchemaBuilder
{
    private const string QuantityPattern =
        @"^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$";

    /// <summary>The schema of a kind.</summary>
    public static JsonObject OfKind(Type kind, string description)
    {
        var schema = OfObject(ApiJson.Default.Options.GetTypeInfo(kind), FieldRules.For(kind));
        schema.Insert(0, "description", description);
        return schema;
    }

    /// <summary>A reference to an addressable object (duck/v1 KReference).</summary>
    internal static JsonObject ReferenceShape() =>
        Reference(
            ["kind", "name"],
            ("address", "The address of the object to use, by its name."),
            ("apiVersion", "API version of the object."),
            ("group", "API group of the object, without a version."),
            ("kind", "Kind of the object."),
            ("name", "Name of the object."),
            ("namespace", "Namespace of the object; must be the mapping's own.")
        );

    /// <summary>A reference to a scale target.</summary>
    internal static JsonObject ScaleTargetShape()
    {
        var schema = Reference(
            [],
            ("apiVersion", "API version of the object."),
            ("kind", "Kind of the object."),
            ("name", "Name of the object.")
        );
        schema["x-kubernetes-map-type"] = "atomic";
        return schema;
    }

    private static JsonObject Reference(string[] required, params (string Name, string Description)[] fields)
    {
        var schema = new JsonObject { ["type"] = "object" };
        if (required.Length > 0)
        {
            schema["required"] = new JsonArray([.. required.Select(r => JsonValue.Create(r))]);
        }

        var properties = new JsonObject();
        foreach (var (name, description) in fields)
        {
            properties[name] = new JsonObject { ["description"] = description, ["type"] = "string" };
        }

        schema["properties"] = properties;
        return schema;
    }

    private static JsonObject OfObject(JsonTypeInfo type, IReadOnlyDictionary<string, FieldRule> rules)
    {
        var modelled = type.Properties.Where(p => !p.IsExtensionData).ToDictionary(p => p.Name, StringComparer.Ordinal);
        var properties = new JsonObject();
        var required = new JsonArray();
        foreach (var (name, rule) in rules.OrderBy(r => r.Key, StringComparer.Ordinal))
        {
            var property = modelled.GetValueOrDefault(name);
            if (property is not null && ApiJson.IsRequired(property) && !rule.IsOptional)
            {
                required.Add((JsonNode)name);
            }

            properties[name] = Describe(
                rule.Shape?.Invoke()
                    ?? (
                        property is not null
                            ? OfType(property.PropertyType, rule)
                            : throw new InvalidOperationException($"{type.Type.Name} has no field {name}, and its rule has no shape")
                    ),
                rule
            );
        }

        var schema = new JsonObject { ["type"] = "object" };
        if (required.Count > 0)
        {
            schema["required"] = required;
        }

        if (properties.Count > 0)
        {
            schema["properties"] = properties;
        }

        return schema;
    }

    private static JsonObject OfType(Type type, FieldRule rule)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string))
        {
            return Scalar("string", rule.Format);
        }

        if (type == typeof(bool))
        {
            return new() { ["type"] = "boolean" };
        }

        if (type == typeof(int))
        {
            return Scalar("integer", rule.Format ?? "int32");
        }

        if (type == typeof(long))
        {
            return Scalar("integer", rule.Format ?? "int64");
        }

        if (type == typeof(DateTimeOffset))
        {
            return OfType(typeof(string), rule);
        }

        if (type == typeof(IntOrString) || type == typeof(Quantity))
        {
            return OfIntOrString(type == typeof(Quantity));
        }

        if (type == typeof(JsonElement))
        {
            return Opaque();
        }

        var info = ApiJson.Default.Options.GetTypeInfo(type);
        return info.Kind switch
        {
            JsonTypeInfoKind.Enumerable => new() { ["type"] = "array", ["items"] = OfItem(info.ElementType!, rule) },
            JsonTypeInfoKind.Dictionary => new() { ["type"] = "object", ["additionalProperties"] = OfItem(info.ElementType!, rule) },
            _ when rule.IsOpaque => Opaque(),
            _ => OfObject(info, FieldRules.For(type)),
        };
    }

    private static JsonObject OfItem(Type type, FieldRule list)
    {
        if (list.IsOpaque)
        {
            var item = OfType(type, list);
            return TypeOf(item) == "object" ? Describe(item, new FieldRule(list.Description)) : item;
        }

        var entry = list.Entry ?? FieldRules.EntryOf(type) ?? new FieldRule("");
        return Describe(OfType(type, entry), entry);
    }

    private static JsonObject Scalar(string type, string? format) =>
        string.IsNullOrEmpty(format) ? new() { ["type"] = type } : new() { ["type"] = type, ["format"] = format };

    private static JsonObject Opaque() => new() { ["type"] = "object", ["x-kubernetes-preserve-unknown-fields"] = true };

    internal static JsonObject QuantityShape() => OfIntOrString(quantity: true);

    private static JsonObject OfIntOrString(bool quantity)
    {
        var schema = new JsonObject();
        if (quantity)
        {
            schema["pattern"] = QuantityPattern;
        }

        schema["anyOf"] = new JsonArray(new JsonObject { ["type"] = "integer" }, new JsonObject { ["type"] = "string" });
        schema["x-kubernetes-int-or-string"] = true;
        return schema;
    }

    private static string? TypeOf(JsonObject schema) => schema["type"]?.GetValue<string>();

    private static JsonObject Describe(JsonObject schema, FieldRule rule)
    {
        if (rule.Description.Length > 0)
        {
            schema.Insert(0, "description", rule.Description);
        }

        if (rule.Default is not null)
        {
            schema["default"] = rule.Default;
        }

        var isList = TypeOf(schema) == "array";
        if (rule.MapKey is not null)
        {
            schema["x-kubernetes-list-type"] = "map";
            schema["x-kubernetes-list-map-keys"] = new JsonArray(rule.MapKey);
        }
        else if (rule.IsAtomic)
        {
            schema[isList ? "x-kubernetes-list-type" : "x-kubernetes-map-type"] = "atomic";
        }

        return schema;
    }
}

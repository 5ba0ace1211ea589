using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>Validates a custom resource against its schema. CEL rules are not evaluated.</summary>
internal static class SchemaValidator
{
    public static void Validate(Schema schema, JsonObject document, List<FieldError> errors) => Check(schema, document, "", errors);

    private static void Check(Schema schema, JsonNode? node, string path, List<FieldError> errors)
    {
        if (node is null)
        {
            if (!schema.IsNullable && schema.Type != SchemaType.Any)
                errors.Add(FieldError.Type(path, "null", $"{path} in body must be of type {TypeName(schema.Type)}: \"null\""));
            return;
        }

        if (!IsOfType(schema.Type, node))
        {
            errors.Add(FieldError.Type(path, Kind(node), $"{path} in body must be of type {TypeName(schema.Type)}: \"{Kind(node)}\""));
            return;
        }

        switch (node)
        {
            case JsonObject map:
                CheckObject(schema, map, path, errors);
                break;
            case JsonArray list:
                CheckArray(schema, list, path, errors);
                break;
        }

        if (schema.Format is { } format && node.GetValueKind() == JsonValueKind.String && !Formats.IsValid(format, node.GetValue<string>()))
            errors.Add(FieldError.Invalid(path, node, $"{path} in body must be of type {format}: {Json.Text(node)}"));
        if (schema.Constraints is { } constraints)
            CheckConstraints(constraints, node, path, errors);
    }

    private static void CheckObject(Schema schema, JsonObject map, string path, List<FieldError> errors)
    {
        foreach (var required in schema.Required)
        {
            if (!map.ContainsKey(required))
                errors.Add(FieldError.Required(Join(path, required)));
        }

        foreach (var (name, value) in map)
        {
            if (schema.Properties.TryGetValue(name, out var property))
            {
                if (path.Length == 0 && name == "metadata")
                    continue;
                // A null in a non-nullable field is dropped, as if it were absent.
                if (value is null && !property.IsNullable && !schema.Required.Contains(name))
                    continue;
                Check(property, value, Join(path, name), errors);
            }
            else if (schema.Values is not null)
            {
                Check(schema.Values, value, Join(path, name), errors);
            }
        }
    }

    private static void CheckArray(Schema schema, JsonArray list, string path, List<FieldError> errors)
    {
        for (var i = 0; schema.Items is not null && i < list.Count; i++)
            Check(schema.Items, list[i], $"{path}[{i}]", errors);
        if (schema.List == ListKind.Atomic)
            return;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < list.Count; i++)
        {
            JsonNode? identity = list[i];
            if (schema.List == ListKind.Map && list[i] is JsonObject item)
            {
                var keys = new JsonObject();
                foreach (var key in schema.ListKeys)
                {
                    if (item[key] is { } part)
                        keys[key] = part.DeepClone();
                    else if (schema.Items?.Properties.GetValueOrDefault(key)?.Default is null)
                        errors.Add(FieldError.Required($"{path}[{i}].{key}"));
                }

                identity = keys;
            }

            if (identity is not null && !seen.Add(Json.Text(identity)))
                errors.Add(FieldError.Duplicate($"{path}[{i}]", identity));
        }
    }

    private static void CheckConstraints(Constraints rules, JsonNode node, string path, List<FieldError> errors)
    {
        if (rules.Enum is { } allowed && !allowed.Any(a => JsonNode.DeepEquals(a, node)))
            errors.Add(
                FieldError.NotSupported(
                    path,
                    node,
                    allowed.Select(a =>
                        a is null ? "null"
                        : a.GetValueKind() == JsonValueKind.String ? a.GetValue<string>()
                        : Json.Text(a)
                    )
                )
            );
        switch (node)
        {
            case JsonValue text when text.GetValueKind() == JsonValueKind.String:
                CheckText(rules, text, path, errors);
                break;
            case JsonValue number when number.GetValueKind() == JsonValueKind.Number:
                CheckNumber(rules, number, path, errors);
                break;
            case JsonArray list:
                if (rules.MinItems is { } fewest && list.Count < fewest)
                    errors.Add(FieldError.Invalid(path, list.Count, $"{path} in body should have at least {fewest} items"));
                if (rules.MaxItems is { } most && list.Count > most)
                    errors.Add(new FieldError(path, "FieldValueTooMany", $"Too many: {list.Count}: must have at most {most} items"));
                if (
                    rules.UniqueItems
                    && list.Select(i => i is null ? "null" : Json.Text(i)).Distinct(StringComparer.Ordinal).Count() != list.Count
                )
                    errors.Add(FieldError.Invalid(path, list, $"{path} in body shouldn't contain duplicates"));
                break;
            case JsonObject map:
                if (rules.MinProperties is { } least && map.Count < least)
                    errors.Add(FieldError.Invalid(path, map.Count, $"{path} in body should have at least {least} properties"));
                if (rules.MaxProperties is { } limit && map.Count > limit)
                    errors.Add(new FieldError(path, "FieldValueTooMany", $"Too many: {map.Count}: must have at most {limit} items"));
                break;
        }

        CheckCombinations(rules, node, path, errors);
    }

    private static void CheckCombinations(Constraints rules, JsonNode node, string path, List<FieldError> errors)
    {
        foreach (var part in rules.AllOf ?? [])
            Check(part, node, path, errors);
        if (rules.AnyOf is { } any && !any.Any(s => Passes(s, node)))
            errors.Add(FieldError.Invalid(path, node, $"{path} in body must validate at least one schema (anyOf)"));
        if (rules.OneOf is { } one && one.Count(s => Passes(s, node)) != 1)
            errors.Add(FieldError.Invalid(path, node, $"{path} in body must validate one and only one schema (oneOf)"));
        if (rules.Not is { } not && Passes(not, node))
            errors.Add(FieldError.Invalid(path, node, $"{path} in body must not validate the schema (not)"));
    }

    private static void CheckText(Constraints rules, JsonValue value, string path, List<FieldError> errors)
    {
        var text = value.GetValue<string>();
        var length = new StringInfo(text).LengthInTextElements;
        if (rules.MinLength is { } shortest && length < shortest)
            errors.Add(FieldError.Invalid(path, value, $"{path} in body should be at least {shortest} chars long"));
        if (rules.MaxLength is { } longest && length > longest)
            errors.Add(new FieldError(path, "FieldValueTooLong", $"Too long: may not be more than {longest} bytes"));
        if (rules.Pattern is { } pattern && !pattern.IsMatch(text))
            errors.Add(FieldError.Invalid(path, value, $"{path} in body should match '{pattern}'"));
    }

    private static void CheckNumber(Constraints rules, JsonValue value, string path, List<FieldError> errors)
    {
        var number = value.Number();
        if (rules.Minimum is { } least && (rules.ExclusiveMinimum ? number <= least : number < least))
            errors.Add(
                FieldError.Invalid(
                    path,
                    value,
                    $"{path} in body should be greater than {(rules.ExclusiveMinimum ? "" : "or equal to ")}{Show(least)}"
                )
            );
        if (rules.Maximum is { } most && (rules.ExclusiveMaximum ? number >= most : number > most))
            errors.Add(
                FieldError.Invalid(
                    path,
                    value,
                    $"{path} in body should be less than {(rules.ExclusiveMaximum ? "" : "or equal to ")}{Show(most)}"
                )
            );
        if (rules.MultipleOf is { } step && Math.Abs(Math.IEEERemainder(number, step)) > 1e-9)
            errors.Add(FieldError.Invalid(path, value, $"{path} in body should be a multiple of {Show(step)}"));
    }

    private static bool Passes(Schema schema, JsonNode node)
    {
        var errors = new List<FieldError>();
        Check(schema, node, "", errors);
        return errors.Count == 0;
    }

    private static bool IsOfType(SchemaType type, JsonNode node) =>
        type switch
        {
            SchemaType.Object => node is JsonObject,
            SchemaType.Array => node is JsonArray,
            SchemaType.String => node.GetValueKind() == JsonValueKind.String,
            SchemaType.Boolean => node.GetValueKind() is JsonValueKind.True or JsonValueKind.False,
            SchemaType.Number => node.GetValueKind() == JsonValueKind.Number,
            SchemaType.Integer => node.GetValueKind() == JsonValueKind.Number && Json.TryGetInt64((JsonValue)node, out _),
            SchemaType.IntOrString => node.GetValueKind() == JsonValueKind.String
                || (node.GetValueKind() == JsonValueKind.Number && Json.TryGetInt64((JsonValue)node, out _)),
            _ => true,
        };

    private static string TypeName(SchemaType type) =>
        type == SchemaType.IntOrString ? "integer,string" : type.ToString().ToLowerInvariant();

    private static string Kind(JsonNode node) =>
        node.GetValueKind() switch
        {
            JsonValueKind.Object => "object",
            JsonValueKind.Array => "array",
            JsonValueKind.String => "string",
            JsonValueKind.Number => Json.TryGetInt64((JsonValue)node, out _) ? "integer" : "number",
            _ => "boolean",
        };

    private static string Show(double number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Join(string path, string name) => path.Length == 0 ? name : $"{path}.{name}";
}

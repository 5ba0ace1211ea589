using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates a pod's volumes: a unique name, exactly one source, and the required fields of the source.</summary>
internal static class VolumeRules
{
    private const int LargestMode = 511;

    // The required field of each source.
    private static readonly Dictionary<string, string> Needed = new(StringComparer.Ordinal)
    {
        ["secret"] = "secretName",
        ["configMap"] = "name",
        ["persistentVolumeClaim"] = "claimName",
        ["hostPath"] = "path",
        ["csi"] = "driver",
    };

    private static readonly Dictionary<string, string> NeededWhenProjected = new(StringComparer.Ordinal)
    {
        ["secret"] = "name",
        ["configMap"] = "name",
        ["serviceAccountToken"] = "path",
    };

    /// <param name="volumes">The volumes.</param>
    /// <param name="path">Their path in the document.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonArray volumes, string path, List<FieldError> errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < volumes.Count; i++)
        {
            var here = $"{path}[{i}]";
            var name = volumes[i].String("name") ?? "";
            if (name.Length == 0)
                errors.Add(FieldError.Required($"{here}.name"));
            else if (!Names.IsLabel(name))
                errors.Add(FieldError.Invalid($"{here}.name", name, Names.LabelRule));
            else if (!names.Add(name))
                errors.Add(FieldError.Duplicate($"{here}.name", name));
            var (kind, source) = Source(volumes[i], Needed, here, errors);
            if (source is null)
                continue;

            Content(source, $"{here}.{kind}", errors);
            if (source.Integer("defaultMode") is < 0 or > LargestMode)
                errors.Add(
                    FieldError.Invalid(
                        $"{here}.{kind}.defaultMode",
                        source["defaultMode"],
                        "must be a number between 0 and 0777 (octal), both inclusive"
                    )
                );
            var parts = kind == "projected" ? source.Array("sources") ?? [] : [];
            for (var part = 0; part < parts.Count; part++)
            {
                var there = $"{here}.projected.sources[{part}]";
                if (Source(parts[part], NeededWhenProjected, there, errors) is { Content: { } projected } found)
                    Content(projected, $"{there}.{found.Kind}", errors);
            }
        }
    }

    private static (string Kind, JsonObject? Content) Source(
        JsonNode? volume,
        Dictionary<string, string> needed,
        string path,
        List<FieldError> errors
    )
    {
        var sources = (volume as JsonObject ?? []).Where(field => field.Value is JsonObject).ToList();
        if (sources.Count == 0)
        {
            errors.Add(FieldError.Required(path, "must specify a volume type"));
            return ("", null);
        }

        foreach (var surplus in sources.Skip(1))
            errors.Add(FieldError.Forbidden($"{path}.{surplus.Key}", "may not specify more than 1 volume type"));
        var (kind, content) = sources[0];
        if (needed.TryGetValue(kind, out var field) && string.IsNullOrEmpty(content.String(field)))
            errors.Add(FieldError.Required($"{path}.{kind}.{field}"));
        return (kind, (JsonObject)content!);
    }

    private static void Content(JsonObject source, string path, List<FieldError> errors)
    {
        var items = source.Array("items") ?? [];
        var isDownward = path.EndsWith("downwardAPI", StringComparison.Ordinal);
        for (var i = 0; i < items.Count; i++)
        {
            if (!isDownward && string.IsNullOrEmpty(items[i].String("key")))
                errors.Add(FieldError.Required($"{path}.items[{i}].key"));
            var file = items[i].String("path") ?? "";
            if (file.Length == 0)
                errors.Add(FieldError.Required($"{path}.items[{i}].path"));
            else if (file[0] == '/')
                errors.Add(FieldError.Invalid($"{path}.items[{i}].path", file, "must be a relative path"));
            else if (file.Split('/').Contains(".."))
                errors.Add(FieldError.Invalid($"{path}.items[{i}].path", file, "must not contain '..'"));
            if (items[i].Integer("mode") is < 0 or > LargestMode)
                errors.Add(
                    FieldError.Invalid(
                        $"{path}.items[{i}].mode",
                        items[i]!["mode"],
                        "must be a number between 0 and 0777 (octal), both inclusive"
                    )
                );
        }
    }
}

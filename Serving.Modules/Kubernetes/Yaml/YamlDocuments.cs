using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace Serving.Kubernetes.Yaml;

/// <summary>Reads YAML like kubectl: every document becomes JSON, and plain scalars get their type from their text.</summary>
public static partial class YamlDocuments
{
    /// <summary>The documents of a text, without empty ones. Throws <see cref="FormatException"/>, which names the line.</summary>
    public static IReadOnlyList<JsonNode> Read(string text) => [.. YamlReader.Read(text).Select(Convert).OfType<JsonNode>()];

    private static JsonNode? Convert(YamlValue value) =>
        value switch
        {
            YamlScalar scalar => Scalar(scalar),
            YamlList list => new JsonArray([.. list.Items.Select(Convert)]),
            YamlMap map => Convert(map),
            _ => throw new InvalidOperationException($"a {value.GetType().Name} is no JSON"),
        };

    private static JsonObject Convert(YamlMap map)
    {
        var result = new JsonObject();
        foreach (var (key, value) in map.Entries)
        {
            if (key == "<<" && value is YamlMap merged)
            {
                foreach (var (mergedKey, mergedValue) in merged.Entries)
                {
                    result.TryAdd(mergedKey, Convert(mergedValue));
                }

                continue;
            }

            result[key] = Convert(value);
        }

        return result;
    }

    private static JsonValue? Scalar(YamlScalar scalar)
    {
        var text = scalar.Text;
        if (!scalar.IsPlain)
        {
            return JsonValue.Create(text);
        }

        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                return null;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON":
                return JsonValue.Create(true);
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF":
                return JsonValue.Create(false);
        }

        if (
            IntegerPattern().IsMatch(text)
            && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer)
        )
        {
            return JsonValue.Create(integer);
        }

        if (OctalPattern().Match(text) is { Success: true } octal && octal.Groups[1].Length <= 20)
        {
            return JsonValue.Create(System.Convert.ToInt64(octal.Groups[1].Value, 8));
        }

        if (
            text.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal)
        )
        {
            return JsonValue.Create(hexadecimal);
        }

        return
            FloatPattern().IsMatch(text)
            && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
            && double.IsFinite(real)
            ? JsonValue.Create(real)
            : JsonValue.Create(text);
    }

    [GeneratedRegex("^[-+]?(0|[1-9][0-9]*)$")]
    private static partial Regex IntegerPattern();

    [GeneratedRegex("^0o?([0-7]+)$")]
    private static partial Regex OctalPattern();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex FloatPattern();
}

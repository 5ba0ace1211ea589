using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Serving.Kubernetes;

/// <summary>Reads YAML as kubectl does: every document becomes JSON, plain scalars take their type from their spelling.</summary>
public static partial class YamlDocuments
{
    /// <summary>The documents of a stream, without those that are empty. Throws <see cref="FormatException"/> with line and column.</summary>
    public static IReadOnlyList<JsonNode> Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            using var reader = new StringReader(text);
            stream.Load(reader);
        }
        catch (YamlException error)
        {
            throw new FormatException($"line {error.Start.Line}, column {error.Start.Column}: {(error.InnerException ?? error).Message}", error);
        }

        catch (InvalidOperationException error)
        {
            // The scanner gives up like this on some flows that are never closed; it does not say where.
            throw new FormatException("is not valid YAML", error);
        }

        return [.. stream.Documents.Select(document => Convert(document.RootNode, 0)).OfType<JsonNode>()];
    }

    private static JsonNode? Convert(YamlNode node, int depth)
    {
        // An alias to an ancestor would never end.
        if (depth > 200)
        {
            throw new FormatException($"line {node.Start.Line}: nested too deeply");
        }

        switch (node)
        {
            case YamlMappingNode mapping:
                var result = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                {
                    var name = (key as YamlScalarNode)?.Value ?? throw new FormatException($"line {key.Start.Line}: a key must be a string");
                    if (name == "<<" && value is YamlMappingNode merged)
                    {
                        foreach (var (mergedName, mergedValue) in (JsonObject)Convert(merged, depth + 1)!)
                        {
                            result.TryAdd(mergedName, mergedValue?.DeepClone());
                        }

                        continue;
                    }

                    result[name] = Convert(value, depth + 1);
                }

                return result;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select(child => Convert(child, depth + 1))]);
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                return null;
        }
    }

    private static JsonValue? Scalar(YamlScalarNode node)
    {
        var text = node.Value ?? "";
        if (node.Style is not (ScalarStyle.Plain or ScalarStyle.Any) || node.Tag == "tag:yaml.org,2002:str")
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

        if (IntegerPattern().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
        {
            return JsonValue.Create(integer);
        }

        if (OctalPattern().Match(text) is { Success: true } octal)
        {
            return JsonValue.Create(System.Convert.ToInt64(octal.Groups[1].Value, 8));
        }

        if (text.StartsWith("0x", StringComparison.Ordinal)
            && long.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var hexadecimal))
        {
            return JsonValue.Create(hexadecimal);
        }

        return FloatPattern().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var real)
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

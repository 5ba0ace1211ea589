using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Converts YAML to JSON, with YAML 1.1's plain booleans and numbers like Kubernetes.</summary>
internal static partial class Yaml
{
    /// <summary>The first document; null when there is none.</summary>
    public static JsonNode? Parse(string text) => ParseAll(text).FirstOrDefault();

    /// <summary>Every document.</summary>
    public static IEnumerable<JsonNode?> ParseAll(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream.Documents.Select(document => Convert(document.RootNode, 0));
    }

    private static JsonNode? Convert(YamlNode node, int depth)
    {
        if (depth > Json.MaxDepth)
            throw ApiException.BadRequest("error decoding YAML: the document is nested too deeply");
        switch (node)
        {
            case YamlMappingNode mapping:
                var map = new JsonObject();
                foreach (var (key, value) in mapping.Children)
                    map[((YamlScalarNode)key).Value ?? ""] = Convert(value, depth + 1);
                return map;
            case YamlSequenceNode sequence:
                return new JsonArray([.. sequence.Children.Select(c => Convert(c, depth + 1))]);
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                return null;
        }
    }

    private static JsonNode? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? "";
        if (scalar.Style is not (ScalarStyle.Plain or ScalarStyle.Any))
            return JsonValue.Create(text);
        if (text is "" or "~" or "null" or "Null" or "NULL")
            return null;
        if (text.ToLowerInvariant() is "true" or "yes" or "on")
            return JsonValue.Create(true);
        if (text.ToLowerInvariant() is "false" or "no" or "off")
            return JsonValue.Create(false);
        if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer))
            return JsonValue.Create(integer);
        return Real().IsMatch(text) ? JsonValue.Create(double.Parse(text, CultureInfo.InvariantCulture)) : JsonValue.Create(text);
    }

    [GeneratedRegex(@"^[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?$", RegexOptions.CultureInvariant)]
    private static partial Regex Real();
}

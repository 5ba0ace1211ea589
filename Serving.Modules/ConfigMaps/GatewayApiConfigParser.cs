using Serving.Api.Config;
using Serving.Kubernetes.Yaml;

namespace Serving.ConfigMaps;

/// <summary>Parses config-gateway.</summary>
public static class GatewayApiConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-gateway";

    private const string ExternalKey = "external-gateways";
    private const string LocalKey = "local-gateways";

    /// <summary>Parses the data. Throws <see cref="ConfigMapException"/>.</summary>
    public static GatewayApiConfig Parse(IReadOnlyDictionary<string, string> data) =>
        new()
        {
            ExternalGateway = Only(data, ExternalKey, "external") ?? GatewayApiConfig.Default.ExternalGateway,
            LocalGateway = Only(data, LocalKey, "local") ?? GatewayApiConfig.Default.LocalGateway,
        };

    /// <summary>The one Gateway under a key; null for none.</summary>
    private static GatewaySelection? Only(IReadOnlyDictionary<string, string> data, string key, string kind)
    {
        if (!data.TryGetValue(key, out var text))
        {
            return null;
        }

        IReadOnlyList<GatewaySelection> entries;
        try
        {
            entries = [.. YamlText.List(text).Select(Entry)];
        }
        catch (FormatException wrong)
        {
            throw new ConfigMapException(Name, key, $"unable to parse \"{key}\": {wrong.Message}", wrong);
        }

        return entries.Count > 1 ? throw new ConfigMapException(Name, key, $"only a single {kind} gateway is supported")
            : entries.Count == 0 ? null
            : entries[0];
    }

    private static GatewaySelection Entry(YamlValue item, int index)
    {
        var fields = new Dictionary<string, YamlValue>(StringComparer.Ordinal);
        foreach (var (name, value) in YamlText.Entries(item))
        {
            fields[name] = value;
        }

        var gateway = ParseName("gateway", Text(fields, "gateway"));
        var service = fields.TryGetValue("service", out var named) && !IsNull(named) ? ParseName("service", YamlText.Scalar(named)) : null;
        var className = Text(fields, "class");
        if (className.Trim().Length == 0)
        {
            throw new FormatException($"entry [{index}] field \"class\" is required");
        }

        return new GatewaySelection(className, gateway, service)
        {
            SupportedFeatures =
                fields.TryGetValue("supported-features", out var features) && !IsNull(features)
                    ? [.. YamlText.Items(features).Select(YamlText.Scalar)]
                    : [],
            ProxyProtocolEnabled = fields.TryGetValue("proxy-protocol-enabled", out var enabled) && !IsNull(enabled) && Bool(enabled),
        };
    }

    private static ObjectName ParseName(string field, string text) =>
        text.Split('/') is not [var ns, var name]
            ? throw new FormatException($"failed to parse \"{field}\": expected 'namespace/name' format")
            : new ObjectName(Label(field, ns), Label(field, name));

    /// <summary>Namespace and name are DNS labels.</summary>
    private static string Label(string field, string value) =>
        LabelSyntax.IsLabel(value)
            ? value
            : throw new FormatException(
                $"failed to parse \"{field}\": {GoValues.Quote(value)} must consist of lower case letters, digits and '-', "
                    + "begin and end with a letter or digit, and have at most 63 characters"
            );

    private static string Text(Dictionary<string, YamlValue> fields, string name) =>
        fields.TryGetValue(name, out var value) ? YamlText.Scalar(value) : "";

    private static bool Bool(YamlValue value) =>
        YamlText.Scalar(value) switch
        {
            "true" or "True" or "TRUE" => true,
            "false" or "False" or "FALSE" => false,
            var other => throw new FormatException(
                $"failed to parse \"proxy-protocol-enabled\": {GoValues.Quote(other)} is neither true nor false"
            ),
        };

    private static bool IsNull(YamlValue value) => value is YamlScalar { Text: "" or "null" or "~" };
}

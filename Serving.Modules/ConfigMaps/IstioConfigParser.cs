using Serving.Api.Config;
using Serving.Kubernetes.Yaml;

namespace Serving.ConfigMaps;

/// <summary>
/// Parses config-istio: lists of Gateways, or the older keys with a Gateway each, <c>gateway.NAMESPACE.NAME</c> and
/// <c>local-gateway.NAMESPACE.NAME</c>, but not both.
/// </summary>
public static class IstioConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-istio";

    private const string ExternalGateways = "external-gateways";
    private const string LocalGateways = "local-gateways";
    private const string ExternalPrefix = "gateway.";
    private const string LocalPrefix = "local-gateway.";

    /// <summary>Parses and validates the data. Throws <see cref="ConfigMapException"/>.</summary>
    /// <param name="data">The ConfigMap's data.</param>
    /// <param name="clusterDomain">The cluster's domain, in the host names of the default Services.</param>
    public static IstioConfig Parse(IReadOnlyDictionary<string, string> data, string clusterDomain = "cluster.local")
    {
        var from = new ConfigData(Name, data);
        var fallback = IstioConfig.For(clusterDomain);
        var hasLists = from.Has(ExternalGateways) | from.Has(LocalGateways);
        var older = data
            .Keys.Where(static key =>
                key.StartsWith(ExternalPrefix, StringComparison.Ordinal) || key.StartsWith(LocalPrefix, StringComparison.Ordinal)
            )
            .Order(StringComparer.Ordinal)
            .FirstOrDefault();
        from.Require(
            !hasLists || older is null,
            older ?? "",
            $"invalid configmap: \"{LocalGateways}\" or \"{ExternalGateways}\" can not be defined simultaneously with \"{ExternalPrefix}\" or \"{LocalPrefix}\""
        );
        return older is null
            ? new IstioConfig
            {
                ExternalGateways = List(from, ExternalGateways, "external gateway", fallback.ExternalGateways),
                LocalGateways = List(from, LocalGateways, "local gateway", fallback.LocalGateways),
            }
            : new IstioConfig
            {
                ExternalGateways = Keys(from, ExternalPrefix, fallback.ExternalGateways),
                LocalGateways = Keys(from, LocalPrefix, fallback.LocalGateways),
            };
    }

    /// <summary>The list of a key; an empty value stands for the default, and <c>[]</c> for no Gateway.</summary>
    private static IReadOnlyList<IstioGatewayReference> List(
        ConfigData from,
        string key,
        string what,
        IReadOnlyList<IstioGatewayReference> fallback
    )
    {
        if (!from.Has(key) || string.IsNullOrWhiteSpace(from.Raw[key]))
        {
            return fallback;
        }

        IReadOnlyList<IstioGatewayReference> gateways;
        try
        {
            gateways = [.. YamlText.List(from.Raw[key]).Select(Gateway)];
        }
        catch (FormatException wrong)
        {
            throw from.Refuse(
                key,
                $"failed to parse configmap: failed to parse \"{key}\" gateways: failed to unmarshal: {wrong.Message}",
                wrong
            );
        }

        var defaults = gateways.Where(static gateway => gateway.Selector is null).ToList();
        from.Require(
            gateways.Count == 0 || defaults.Count == 1,
            key,
            $"failed to parse configmap: exactly one {what} with no selector can be defined, here: [{string.Join(" ", defaults.Select(static gateway => gateway.QualifiedName))}]"
        );
        foreach (var gateway in gateways)
        {
            Check(from, key, gateway);
        }

        return gateways;
    }

    /// <summary>The Gateways of the older keys, by name.</summary>
    private static IReadOnlyList<IstioGatewayReference> Keys(ConfigData from, string prefix, IReadOnlyList<IstioGatewayReference> fallback)
    {
        var gateways = new List<IstioGatewayReference>();
        foreach (var (key, service) in from.Raw.OrderBy(static entry => entry.Key, StringComparer.Ordinal))
        {
            if (key.Length > prefix.Length && key.StartsWith(prefix, StringComparison.Ordinal))
            {
                var (ns, name) = key[prefix.Length..].Split('.', 2) is [var first, var rest]
                    ? (first, rest)
                    : (IstioGatewayReference.DefaultNamespace, key[prefix.Length..]);
                var gateway = new IstioGatewayReference(ns, name, service);
                Check(from, key, gateway);
                gateways.Add(gateway);
            }
        }

        return gateways.Count > 0 ? gateways : fallback;
    }

    private static IstioGatewayReference Gateway(YamlValue item)
    {
        var fields = YamlText.Entries(item).ToDictionary(static e => e.Key, static e => e.Value, StringComparer.Ordinal);
        string Text(string field) => fields.TryGetValue(field, out var value) ? YamlText.Scalar(value) : "";
        var selector = fields.TryGetValue("labelSelector", out var labels) && labels is not YamlScalar { Text: "" or "null" or "~" };
        return new IstioGatewayReference(
            Text("namespace"),
            Text("name"),
            Text("service"),
            selector ? SelectorText.Parse(YamlText.Entries(labels!)) : null
        );
    }

    private static void Check(ConfigData from, string key, IstioGatewayReference gateway)
    {
        var wrong = gateway switch
        {
            { Namespace: "" } => "missing namespace",
            { Name: "" } => "missing name",
            { Service: "" } => "missing service",
            _ when !LabelSyntax.IsLabel(gateway.Namespace) => $"{GoValues.Quote(gateway.Namespace)} is not the name of a namespace",
            _ when !LabelSyntax.IsSubdomain(gateway.Name) => $"{GoValues.Quote(gateway.Name)} is not the name of a Gateway",
            _ when !LabelSyntax.IsSubdomain(gateway.Service.TrimEnd('.')) =>
                $"invalid gateway service format: {GoValues.Quote(gateway.Service)} is not a host name",
            _ when gateway.Service.Split('.', 3) is not [_, _, { Length: > 0 }] =>
                $"unexpected service URL form: {gateway.Service}: it must be NAME.NAMESPACE.svc.{{cluster domain}}",
            _ => null,
        };
        from.Require(wrong is null, key, $"invalid configuration: invalid gateway {gateway.QualifiedName}: {wrong}");
    }
}

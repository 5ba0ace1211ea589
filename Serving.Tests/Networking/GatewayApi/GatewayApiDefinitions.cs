using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using Serving.Api;
using Serving.Api.GatewayApi;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.CustomResources;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.GatewayApi;

/// <summary>
/// Checks objects of the Gateway API as an API server with the published definitions would: by the schema of <c>definitions.yaml</c>,
/// where an unknown field is an error, and by the rules that those definitions write in CEL.
/// </summary>
internal static class GatewayApiDefinitions
{
    private const int MostMatches = 128;

    /// <summary>The definitions, to be applied to a cluster.</summary>
    public static string Path { get; } = Repository.PathOf("Serving.Tests", "Networking", "GatewayApi", "definitions.yaml");

    private static readonly Dictionary<string, Schema> Schemas = Documents()
        .ToDictionary(
            static definition => definition["spec"]!["names"]!["kind"]!.GetValue<string>(),
            static definition => CustomSchema.Read(definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject())
        );

    /// <summary>What is wrong with an object, by field.</summary>
    public static IReadOnlyList<string> Problems<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        var document = JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();
        var unknown = new List<string>();
        var errors = new List<FieldError>();
        var schema = Schemas[type.Kind];
        SchemaPruner.Prune(schema, document, unknown);
        SchemaValidator.Validate(schema, document, errors);
        return
        [
            .. unknown.Select(static field => $"{field}: unknown field"),
            .. errors.Select(static error => $"{error.Field}: {error.Detail}"),
            .. value switch
            {
                HttpRoute route => Problems(route),
                KubernetesGateway gateway => Problems(gateway),
                _ => [],
            },
        ];
    }

    /// <summary>Fails when something is wrong with an object, or when the API server would store it differently.</summary>
    public static void Check<T>(ResourceType<T> type, T value)
        where T : class, IKubernetesObject
    {
        Problems(type, value).Should().BeEmpty("{0} {1} is valid", type.Kind, value.Metadata.Name);
        var document = JsonSerializer.SerializeToNode(value, type.Json)!.AsObject();
        var defaulted = (JsonObject)document.DeepClone();
        SchemaDefaulter.Apply(Schemas[type.Kind], defaulted);
        JsonNode
            .DeepEquals(document, defaulted)
            .Should()
            .BeTrue("defaults of {0} are written, not left to the API server:\n{1}", type.Kind, defaulted);
    }

    private static IEnumerable<JsonNode> Documents() => YamlDocuments.Read(File.ReadAllText(Path));

    private static IEnumerable<string> Problems(HttpRoute route)
    {
        if (route.Spec.Rules.Sum(static rule => Math.Max(rule.Matches.Count, 1)) > MostMatches)
        {
            yield return $"spec.rules: more than {MostMatches} matches";
        }

        foreach (var (index, rule) in route.Spec.Rules.Index())
        {
            var at = $"spec.rules[{index}]";
            foreach (var path in rule.Matches.Select(static match => match.Path?.Value ?? "/"))
            {
                if (!path.StartsWith('/') || path.Contains("//") || path.Contains("/./") || path.Contains("/../") || path.Contains('#'))
                {
                    yield return $"{at}.matches: {path} is no path";
                }
            }

            foreach (var problem in rule.BackendRefs.Select(static backend => backend.Filters).Append(rule.Filters).SelectMany(Problems))
            {
                yield return $"{at}.{problem}";
            }

            if (rule.BackendRefs.Count > 0 && rule.Filters.Any(static filter => filter.RequestRedirect is not null))
            {
                yield return $"{at}: a redirect has no backends";
            }

            if (rule.BackendRefs.Any(static backend => backend.Port is null))
            {
                yield return $"{at}.backendRefs: a Service needs a port";
            }
        }
    }

    private static IEnumerable<string> Problems(IReadOnlyList<HttpRouteFilter> filters)
    {
        if (filters.DistinctBy(static filter => filter.Type).Count() != filters.Count)
        {
            yield return "filters: a type is repeated";
        }

        foreach (var filter in filters)
        {
            var given = new (string Type, object? Value)[]
            {
                ("RequestHeaderModifier", filter.RequestHeaderModifier),
                ("RequestRedirect", filter.RequestRedirect),
                ("URLRewrite", filter.UrlRewrite),
            };
            if (given.Any(field => field.Value is not null != (field.Type == filter.Type)))
            {
                yield return $"filters: {filter.Type} has another field, or lacks its own";
            }
        }
    }

    private static IEnumerable<string> Problems(KubernetesGateway gateway)
    {
        var listeners = gateway.Spec.Listeners;
        if (listeners.DistinctBy(static listener => (listener.Port, listener.Protocol, listener.Hostname)).Count() != listeners.Count)
        {
            yield return "spec.listeners: port, protocol and hostname are not unique";
        }

        foreach (var listener in listeners.Where(static listener => listener.Protocol is "HTTPS" != listener.Tls is not null))
        {
            yield return $"spec.listeners: tls and protocol of {listener.Name} do not fit";
        }
    }
}

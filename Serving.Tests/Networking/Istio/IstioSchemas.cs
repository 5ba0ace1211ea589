using System.Text.Json.Nodes;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.CustomResources;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio;

/// <summary>Validates objects of Istio's kinds by the definitions in <c>definitions.yaml</c>, as an API server with strict field validation
/// does.</summary>
internal static class IstioSchemas
{
    private static readonly Dictionary<string, Schema> Schemas = YamlDocuments
        .Read(File.ReadAllText(Repository.PathOf("Serving.Tests", "Networking", "Istio", "definitions.yaml")))
        .ToDictionary(
            static definition => definition["spec"]!["names"]!["kind"]!.GetValue<string>(),
            static definition => CustomSchema.Read(definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject())
        );

    /// <summary>What is wrong with an object.</summary>
    public static IReadOnlyList<string> Validate(JsonObject document)
    {
        var schema = Schemas[document["kind"]!.GetValue<string>()];
        var unknown = new List<string>();
        SchemaPruner.Prune(schema, document.DeepClone().AsObject(), unknown);
        var errors = new List<FieldError>();
        SchemaValidator.Validate(schema, document, errors);
        return [.. unknown.Select(static field => $"unknown field {field}"), .. errors.Select(static error => error.ToString()!)];
    }
}

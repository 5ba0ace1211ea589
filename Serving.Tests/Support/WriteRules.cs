using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Schema;
using Serving.Kubernetes.Client;
using Serving.LocalCluster.ApiServer.CustomResources;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.Tests.Support;

/// <summary>
/// Validates writes like an API server: a custom resource by its generated schema, a built-in kind by the rules of the embedded API server.
/// Errors that the stored object already had, such as an incomplete one of a test, do not make an update fail.
/// </summary>
internal static class WriteRules
{
    private static readonly Lazy<Dictionary<(string Group, string Plural), Schema>> Custom = new(() =>
        CrdGenerator
            .Definitions()
            .ToDictionary(
                definition => (definition["spec"]!["group"]!.ToString(), definition["spec"]!["names"]!["plural"]!.ToString()),
                definition => CustomSchema.Read(definition["spec"]!["versions"]![0]!["schema"]!["openAPIV3Schema"]!.AsObject())
            )
    );

    private static readonly Lazy<Dictionary<(string Group, string Version, string Plural), ResourceInfo>> BuiltIn = new(() =>
        BuiltInKinds.Load().ToDictionary(kind => (kind.Group, kind.Version, kind.Plural))
    );

    /// <summary>Throws, as the client would, when an API server would reject the document.</summary>
    /// <param name="type">Its kind.</param>
    /// <param name="document">The new object.</param>
    /// <param name="old">The stored object; null for a create.</param>
    /// <param name="subresource">The subresource that is written; null for the object itself.</param>
    public static void Check(ResourceType type, JsonObject document, JsonObject? old, string? subresource = null)
    {
        var problems = Problems(type, document, old, subresource);
        if (old is not null && problems.Count > 0)
        {
            problems = [.. problems.Except(Problems(type, old, null))];
        }

        if (problems.Count > 0)
        {
            var name = document["metadata"]?["name"]?.ToString();
            throw new KubernetesException(
                $"write {type.Plural} {document["metadata"]?["namespace"]}/{name}",
                new Status
                {
                    State = "Failure",
                    Code = 422,
                    Reason = "Invalid",
                    Message = $"{type.Kind} \"{name}\" is invalid: {string.Join(", ", problems)}",
                }
            );
        }
    }

    private static List<string> Problems(ResourceType type, JsonObject original, JsonObject? old, string? subresource = null)
    {
        var document = (JsonObject)original.DeepClone();
        var errors = new List<FieldError>();
        if (Custom.Value.TryGetValue((type.Group, type.Plural), out var schema))
        {
            SchemaDefaulter.Apply(schema, document);
            SchemaValidator.Validate(schema, document, errors);
            CheckNames(type, document, errors);
        }
        else if (BuiltIn.Value.TryGetValue((type.Group, type.Version, type.Plural), out var kind))
        {
            // Stored objects were defaulted when they were written; those that a test put in directly were not.
            var before = (JsonObject?)old?.DeepClone();
            if (before is not null)
                BodyDecoder.Default(kind, before);
            BodyDecoder.Default(kind, document);
            MetadataRules.Validate(kind, document, old is null, errors);
            BuiltInValidation.Check(kind, document, before, errors, subresource);
        }

        return [.. errors.Select(error => $"{error.Field}: {error.Detail}")];
    }

    private static void CheckNames(ResourceType type, JsonObject document, List<FieldError> errors)
    {
        var kind = new ResourceInfo
        {
            Group = type.Group,
            Version = type.Version,
            Kind = type.Kind,
            Plural = type.Plural,
            Singular = type.Kind.ToLowerInvariant(),
            IsNamespaced = type.Namespaced,
            Schema = new Schema(),
        };
        MetadataRules.Validate(kind, document, isNew: true, errors);
    }
}

using System.Text.Json.Nodes;

namespace Serving.Api.Schema;

/// <summary>
/// Generates the custom resource definitions from the records. Invariant: the files in <c>deploy/crds</c> are exactly this output, which a
/// test verifies.
/// </summary>
public static class CrdGenerator
{
    /// <summary>One YAML document per kind, with its file name: <c>services.serving.knative.dev.yaml</c>.</summary>
    public static IReadOnlyList<(string FileName, string Yaml)> Generate() =>
        [.. CustomKinds.All.Select(kind => ($"{NameOf(kind)}.yaml", YamlText.Of(Definition(kind))))];

    /// <summary>The same definitions as JSON documents, for a server that loads them without YAML.</summary>
    public static IReadOnlyList<JsonObject> Definitions() => [.. CustomKinds.All.Select(Definition)];

    private static string NameOf(CustomKind kind) => $"{kind.Resource.Plural}.{kind.Resource.Group}";

    private static JsonObject Definition(CustomKind kind)
    {
        var labels = new JsonObject { ["app.kubernetes.io/name"] = "knative-serving", ["knative.dev/crd-install"] = "true" };
        foreach (var (key, value) in kind.Labels)
        {
            labels[key] = value;
        }

        return new JsonObject
        {
            ["apiVersion"] = "apiextensions.k8s.io/v1",
            ["kind"] = "CustomResourceDefinition",
            ["metadata"] = new JsonObject { ["name"] = NameOf(kind), ["labels"] = labels },
            ["spec"] = new JsonObject
            {
                ["group"] = kind.Resource.Group,
                ["names"] = Names(kind),
                ["scope"] = kind.Resource.Namespaced ? "Namespaced" : "Cluster",
                ["versions"] = new JsonArray(Version(kind)),
            },
        };
    }

    private static JsonObject Names(CustomKind kind)
    {
        var names = new JsonObject
        {
            ["kind"] = kind.Resource.Kind,
            ["listKind"] = kind.Resource.Kind + "List",
            ["plural"] = kind.Resource.Plural,
            ["singular"] = kind.Resource.Kind.ToLowerInvariant(),
            ["categories"] = List(kind.Categories),
        };
        if (kind.ShortNames.Count > 0)
        {
            names["shortNames"] = List(kind.ShortNames);
        }

        return names;
    }

    private static JsonObject Version(CustomKind kind)
    {
        var version = new JsonObject
        {
            ["name"] = kind.Resource.Version,
            ["served"] = true,
            ["storage"] = true,
            ["subresources"] = new JsonObject { ["status"] = new JsonObject() },
        };
        if (kind.Columns.Count > 0)
        {
            version["additionalPrinterColumns"] = new JsonArray([
                .. kind.Columns.Select(c => new JsonObject
                {
                    ["name"] = c.Name,
                    ["type"] = c.Type,
                    ["jsonPath"] = c.JsonPath,
                }),
            ]);
        }

        version["schema"] = new JsonObject { ["openAPIV3Schema"] = SchemaBuilder.OfKind(kind.Record, kind.Description) };
        return version;
    }

    private static JsonArray List(IReadOnlyList<string> values) => new([.. values.Select(v => JsonValue.Create(v))]);
}

using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Discovery;

/// <summary>Writes the OpenAPI v3 document of the resources of one group and version.</summary>
internal sealed class OpenApiDocument(IReadOnlyList<ResourceInfo> resources)
{
    private readonly JsonObject _schemas = [];

    public JsonObject Build()
    {
        var paths = new JsonObject();
        foreach (var resource in resources)
        {
            AddKind(resource);
            AddPaths(resource, paths);
        }

        return new JsonObject
        {
            ["openapi"] = "3.0.0",
            ["info"] = new JsonObject { ["title"] = "Kubernetes", ["version"] = "v1.34.0" },
            ["paths"] = paths,
            ["components"] = new JsonObject { ["schemas"] = _schemas },
        };
    }

    private static string ComponentName(string typeName)
    {
        var parts = typeName.Split('.');
        return parts[0] switch
        {
            "meta" => $"io.k8s.apimachinery.pkg.apis.meta.{parts[1]}.{parts[2]}",
            "apiextensions" => $"io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.{parts[1]}.{parts[2]}",
            _ => $"io.k8s.api.{typeName}",
        };
    }

    private static string KindName(ResourceInfo resource) =>
        resource.Schema.TypeName is { } type
            ? ComponentName(type)
            : $"{string.Join('.', resource.Group.Split('.').Reverse())}.{resource.Version}.{resource.Kind}";

    private static JsonObject GroupVersionKind(ResourceInfo resource) =>
        new()
        {
            ["group"] = resource.Group,
            ["kind"] = resource.Kind,
            ["version"] = resource.Version,
        };

    private void AddKind(ResourceInfo resource)
    {
        var name = KindName(resource);
        JsonObject kind;
        if (resource.Schema.TypeName is { } type)
        {
            Reference(BuiltInSchemas.Instance[type]);
            kind = (JsonObject)_schemas[name]!;
        }
        else
        {
            kind = (JsonObject)(
                resource.Schema.Source?.DeepClone()
                ?? new JsonObject { ["type"] = "object", ["x-kubernetes-preserve-unknown-fields"] = true }
            );
            var properties = kind.Child("properties");
            properties["apiVersion"] = Plain("string", "The version of this representation of an object.");
            properties["kind"] = Plain("string", "The kind of resource this object represents.");
            var metadata = Reference(BuiltInSchemas.Instance["meta.v1.ObjectMeta"]);
            metadata["description"] = "Name, labels, annotations and whatever else every object has.";
            properties["metadata"] = metadata;
            _schemas[name] = kind;
        }

        kind["x-kubernetes-group-version-kind"] = new JsonArray(GroupVersionKind(resource));
        var list = name + "List";
        _schemas[list] = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["apiVersion"] = Plain("string", null),
                ["kind"] = Plain("string", null),
                ["items"] = new JsonObject { ["type"] = "array", ["items"] = Ref(name) },
                ["metadata"] = Reference(BuiltInSchemas.Instance["meta.v1.ListMeta"]),
            },
            ["required"] = new JsonArray("items"),
            ["x-kubernetes-group-version-kind"] = new JsonArray(
                new JsonObject
                {
                    ["group"] = resource.Group,
                    ["kind"] = resource.ListKind,
                    ["version"] = resource.Version,
                }
            ),
        };
    }

    private void AddPaths(ResourceInfo resource, JsonObject paths)
    {
        var root = resource.Group.Length == 0 ? $"/api/{resource.Version}" : $"/apis/{resource.Group}/{resource.Version}";
        var collection = $"{root}/{(resource.IsNamespaced ? "namespaces/{namespace}/" : "")}{resource.Plural}";
        var name = KindName(resource);
        var post = Operation(resource, "post", name, ["dryRun", "fieldManager", "fieldValidation"]);
        if (resource.IsCreateOnly)
        {
            paths[collection] = new JsonObject { ["post"] = post };
            return;
        }

        paths[collection] = new JsonObject
        {
            ["get"] = Operation(resource, "list", name + "List", ["labelSelector", "fieldSelector", "limit", "continue"]),
            ["post"] = post,
        };
        paths[$"{collection}/{{name}}"] = new JsonObject
        {
            ["get"] = Operation(resource, "get", name, []),
            ["put"] = Operation(resource, "put", name, ["dryRun", "fieldManager", "fieldValidation"]),
            ["patch"] = Operation(resource, "patch", name, ["dryRun", "fieldManager", "fieldValidation", "force"]),
            ["delete"] = Operation(resource, "delete", name, ["dryRun", "gracePeriodSeconds", "propagationPolicy"]),
        };
    }

    private static JsonObject Operation(ResourceInfo resource, string action, string schema, string[] parameters) =>
        new()
        {
            ["parameters"] = new JsonArray([
                .. parameters.Select(p =>
                    (JsonNode)
                        new JsonObject
                        {
                            ["name"] = p,
                            ["in"] = "query",
                            ["schema"] = new JsonObject
                            {
                                ["type"] =
                                    p is "force" ? "boolean"
                                    : p is "limit" or "gracePeriodSeconds" ? "integer"
                                    : "string",
                                ["uniqueItems"] = true,
                            },
                        }
                ),
            ]),
            ["responses"] = new JsonObject
            {
                ["200"] = new JsonObject
                {
                    ["description"] = "OK",
                    ["content"] = new JsonObject { ["application/json"] = new JsonObject { ["schema"] = Ref(schema) } },
                },
            },
            ["x-kubernetes-action"] = action,
            ["x-kubernetes-group-version-kind"] = GroupVersionKind(resource),
        };

    private static JsonObject Ref(string name) => new() { ["$ref"] = $"#/components/schemas/{name}" };

    private static JsonObject Plain(string type, string? description)
    {
        var schema = new JsonObject { ["type"] = type };
        if (description is not null)
            schema["description"] = description;
        return schema;
    }

    // A reference to a built-in type, which is written once, with all types that it references.
    private JsonObject Reference(Schema type)
    {
        var name = ComponentName(type.TypeName!);
        if (!_schemas.ContainsKey(name))
        {
            var written = new JsonObject { ["type"] = "object" };
            _schemas[name] = written;
            var properties = new JsonObject();
            foreach (var (field, schema) in type.Properties)
                properties[field] = Write(schema);
            if (properties.Count > 0)
                written["properties"] = properties;
            var required = type.Required.Where(r => type.TypeName!.Contains("Status", StringComparison.Ordinal) is false).ToList();
            if (required.Count > 0)
                written["required"] = new JsonArray([.. required.Select(r => (JsonNode)r)]);
            if (type.IsAtomic)
                written["x-kubernetes-map-type"] = "atomic";
        }

        return new JsonObject { ["allOf"] = new JsonArray(Ref(name)), ["default"] = new JsonObject() };
    }

    private JsonObject Write(Schema schema)
    {
        if (schema.TypeName is not null)
            return Reference(schema);
        var written = new JsonObject();
        switch (schema.Type)
        {
            case SchemaType.Array:
                written["type"] = "array";
                written["items"] = Write(schema.Items!);
                if (schema.List != ListKind.Atomic)
                    written["x-kubernetes-list-type"] = schema.List == ListKind.Map ? "map" : "set";
                if (schema.List == ListKind.Map)
                    written["x-kubernetes-list-map-keys"] = new JsonArray([.. schema.ListKeys.Select(k => (JsonNode)k)]);
                if (schema.Merges)
                    written["x-kubernetes-patch-strategy"] = schema.RetainsKeys ? "merge,retainKeys" : "merge";
                if (schema.MergeKey is not null)
                    written["x-kubernetes-patch-merge-key"] = schema.MergeKey;
                break;
            case SchemaType.Object:
                written["type"] = "object";
                if (schema.Values is not null)
                    written["additionalProperties"] = Write(schema.Values);
                if (schema.IsAtomic)
                    written["x-kubernetes-map-type"] = "atomic";
                break;
            case SchemaType.IntOrString:
                written["oneOf"] = new JsonArray(Plain("string", null), Plain(schema.Format == "quantity" ? "number" : "integer", null));
                written["format"] = schema.Format;
                break;
            case SchemaType.Any:
                written["x-kubernetes-preserve-unknown-fields"] = true;
                break;
            default:
                written["type"] = schema.Type.ToString().ToLowerInvariant();
                if (schema.Format is not null)
                    written["format"] = schema.Format;
                break;
        }

        return written;
    }
}

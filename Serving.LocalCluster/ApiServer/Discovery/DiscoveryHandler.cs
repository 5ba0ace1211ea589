using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.CustomResources;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Discovery;

/// <summary>Serves discovery: groups, versions and resources.</summary>
internal sealed class DiscoveryHandler(ResourceRegistry registry)
{
    private static readonly string[] Verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

    /// <summary>The response of <c>/version</c>.</summary>
    public static JsonObject Version() =>
        new()
        {
            ["major"] = "1",
            ["minor"] = "34",
            ["gitVersion"] = "v1.34.0+local",
            ["gitCommit"] = "",
            ["gitTreeState"] = "clean",
            ["buildDate"] = "2025-08-27T00:00:00Z",
            ["goVersion"] = "",
            ["compiler"] = "dotnet",
            ["platform"] = "linux/amd64",
        };

    /// <summary>The list of paths at the root.</summary>
    public JsonObject Paths() =>
        new()
        {
            ["paths"] = new JsonArray([
                "/api",
                "/api/v1",
                "/apis",
                .. registry
                    .All.Where(r => r.Group.Length > 0)
                    .SelectMany(r => (string[])[$"/apis/{r.Group}", $"/apis/{r.ApiVersion}"])
                    .Distinct(StringComparer.Ordinal)
                    .Select(p => (JsonNode)p),
                "/healthz",
                "/livez",
                "/openapi/v3",
                "/readyz",
                "/version",
            ]),
        };

    public Task HandleAsync(HttpContext context, string[] segments)
    {
        switch (segments)
        {
            case ["api"]:
                return Reply.JsonAsync(
                    context,
                    200,
                    new JsonObject
                    {
                        ["kind"] = "APIVersions",
                        ["versions"] = new JsonArray("v1"),
                        ["serverAddressByClientCIDRs"] = new JsonArray(
                            new JsonObject { ["clientCIDR"] = "0.0.0.0/0", ["serverAddress"] = context.Request.Host.Value }
                        ),
                    }
                );
            case ["apis"]:
                return Reply.JsonAsync(
                    context,
                    200,
                    new JsonObject
                    {
                        ["kind"] = "APIGroupList",
                        ["apiVersion"] = "v1",
                        ["groups"] = new JsonArray([.. Groups().Select(g => (JsonNode)Group(g))]),
                    }
                );
            case ["apis", var group]:
                if (!Groups().Contains(group))
                    throw ApiException.NoSuchPath();
                var found = Group(group);
                found.Insert(0, "kind", "APIGroup");
                found.Insert(1, "apiVersion", "v1");
                return Reply.JsonAsync(context, 200, found);
            case ["api", var version]:
                return Reply.JsonAsync(context, 200, Resources("", version));
            default:
                return Reply.JsonAsync(context, 200, Resources(segments[1], segments[2]));
        }
    }

    private List<string> Groups() => [.. registry.All.Select(r => r.Group).Where(g => g.Length > 0).Distinct(StringComparer.Ordinal)];

    private JsonObject Group(string group)
    {
        var versions = registry
            .All.Where(r => r.Group == group)
            .Select(r => r.Version)
            .Distinct(StringComparer.Ordinal)
            .OrderByDescending(v => v, VersionOrder.Instance)
            .Select(v => new JsonObject { ["groupVersion"] = $"{group}/{v}", ["version"] = v })
            .ToList();
        return new JsonObject
        {
            ["name"] = group,
            ["versions"] = new JsonArray([.. versions]),
            ["preferredVersion"] = versions[0].DeepClone(),
        };
    }

    private JsonObject Resources(string group, string version)
    {
        var resources = new JsonArray();
        foreach (var resource in registry.All.Where(r => r.Group == group && r.Version == version))
        {
            resources.Add(Describe(resource));
            foreach (var subresource in resource.Subresources.Order(StringComparer.Ordinal))
                resources.Add(Subresource(resource, subresource));
        }

        if (resources.Count == 0)
            throw ApiException.NoSuchPath();
        return new JsonObject
        {
            ["kind"] = "APIResourceList",
            ["apiVersion"] = "v1",
            ["groupVersion"] = group.Length == 0 ? version : $"{group}/{version}",
            ["resources"] = resources,
        };
    }

    private static JsonObject Describe(ResourceInfo resource)
    {
        var described = new JsonObject
        {
            ["name"] = resource.Plural,
            ["singularName"] = resource.Singular,
            ["namespaced"] = resource.IsNamespaced,
            ["kind"] = resource.Kind,
            ["verbs"] = Strings(resource.IsCreateOnly ? ["create"] : Verbs),
        };
        if (resource.ShortNames.Count > 0)
            described["shortNames"] = Strings(resource.ShortNames);
        if (resource.Categories.Count > 0)
            described["categories"] = Strings(resource.Categories);
        return described;
    }

    private static JsonObject Subresource(ResourceInfo resource, string name)
    {
        var described = new JsonObject
        {
            ["name"] = $"{resource.Plural}/{name}",
            ["singularName"] = "",
            ["namespaced"] = resource.IsNamespaced,
        };
        var (group, version, kind, verbs) = name switch
        {
            "scale" => ("autoscaling", "v1", "Scale", (string[])["get", "patch", "update"]),
            "eviction" => ("policy", "v1", "Eviction", ["create"]),
            "binding" => ("", "", "Binding", ["create"]),
            "token" => ("authentication.k8s.io", "v1", "TokenRequest", ["create"]),
            "exec" => ("", "", "PodExecOptions", ["create", "get"]),
            "attach" => ("", "", "PodAttachOptions", ["create", "get"]),
            "portforward" => ("", "", "PodPortForwardOptions", ["create", "get"]),
            "log" => ("", "", resource.Kind, ["get"]),
            "finalize" => ("", "", resource.Kind, ["update"]),
            "ephemeralcontainers" => ("", "", resource.Kind, ["get"]),
            _ => ("", "", resource.Kind, ["get", "patch", "update"]),
        };
        if (group.Length > 0)
        {
            described["group"] = group;
            described["version"] = version;
        }

        described["kind"] = kind;
        described["verbs"] = Strings(verbs);
        return described;
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(v => (JsonNode)v)]);
}

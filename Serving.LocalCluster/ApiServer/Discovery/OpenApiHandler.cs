using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Discovery;

/// <summary>Serves OpenAPI v3, one document per group and version, generated from the schemas on first use.</summary>
internal sealed class OpenApiHandler(ResourceRegistry registry)
{
    private readonly ConcurrentDictionary<string, (int Generation, byte[] Json, string Hash)> _documents = new(StringComparer.Ordinal);

    public Task HandleAsync(HttpContext context, string[] segments)
    {
        if (segments.Length == 0)
        {
            var paths = new JsonObject();
            foreach (var version in registry.All.Select(r => (r.Group, r.Version)).Distinct())
            {
                var path = version.Group.Length == 0 ? $"api/{version.Version}" : $"apis/{version.Group}/{version.Version}";
                paths[path] = new JsonObject
                {
                    ["serverRelativeURL"] = $"/openapi/v3/{path}?hash={Document(version.Group, version.Version).Hash}",
                };
            }

            return Reply.JsonAsync(context, 200, new JsonObject { ["paths"] = paths });
        }

        var (group, name) = segments switch
        {
            ["api", var core] => ("", core),
            ["apis", var other, var its] => (other, its),
            _ => throw ApiException.NoSuchPath(),
        };
        if (!registry.All.Any(r => r.Group == group && r.Version == name))
            throw ApiException.NoSuchPath();
        return Reply.BytesAsync(context, 200, Document(group, name).Json);
    }

    private (int Generation, byte[] Json, string Hash) Document(string group, string version)
    {
        var generation = registry.Generation;
        var key = $"{group}/{version}";
        if (_documents.TryGetValue(key, out var known) && (known.Generation == generation || registry.IsBuiltIn(group)))
            return known;
        var json = Json.Bytes(new OpenApiDocument([.. registry.All.Where(r => r.Group == group && r.Version == version)]).Build());
        var made = (generation, json, Convert.ToHexString(SHA256.HashData(json)));
        _documents[key] = made;
        return made;
    }
}

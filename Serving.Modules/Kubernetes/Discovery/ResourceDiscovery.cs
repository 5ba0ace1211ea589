using System.Collections.Concurrent;
using System.Text.Json;
using Serving.Api;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Discovery;

/// <summary>Discovery over <c>/api</c> and <c>/apis</c>. Found groups are cached; for an unknown kind the server is asked again.</summary>
public sealed class ResourceDiscovery : IResourceDiscovery
{
    private readonly ClusterClient _client;
    private readonly ConcurrentDictionary<string, IReadOnlyList<DiscoveredResource>> _known = new();

    /// <param name="client">The client.</param>
    public ResourceDiscovery(ClusterClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        _client = client;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DiscoveredResource>> ListAsync(CancellationToken cancellation)
    {
        var all = new List<DiscoveredResource>(await ReadAsync("v1", cancellation));
        using var groups = await _client.GetRawAsync("/apis", cancellation);
        foreach (var group in groups.RootElement.GetProperty("groups").EnumerateArray())
        {
            var seen = new HashSet<string>();
            foreach (var apiVersion in VersionsOf(group))
            {
                // The preferred version comes first; resources that exist only in another version are included too.
                all.AddRange((await ReadAsync(apiVersion, cancellation)).Where(resource => seen.Add(resource.Type.Plural)));
            }
        }

        return all;
    }

    /// <inheritdoc/>
    public async Task<ResourceType?> FindAsync(string apiVersion, string kind, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(apiVersion);
        return (_known.TryGetValue(apiVersion, out var known) ? Pick(known, kind) : null)
            ?? Pick(await ReadAsync(apiVersion, cancellation), kind);
    }

    /// <inheritdoc/>
    public async Task<bool> ServesAsync(string apiVersion, string resource, CancellationToken cancellation)
    {
        ArgumentException.ThrowIfNullOrEmpty(apiVersion);
        try
        {
            using var document = await _client.GetRawAsync(PathOf(apiVersion), cancellation);
            return document.RootElement.GetProperty("resources").EnumerateArray().Any(item => Text(item, "name") == resource);
        }
        catch (KubernetesException unknown) when (unknown.IsNotFound)
        {
            return false;
        }
    }

    private static string PathOf(string apiVersion) =>
        apiVersion.Contains('/', StringComparison.Ordinal) ? $"/apis/{apiVersion}" : $"/api/{apiVersion}";

    private static ResourceType? Pick(IReadOnlyList<DiscoveredResource> resources, string kind)
    {
        foreach (var resource in resources)
        {
            if (resource.Type.Kind == kind)
            {
                return resource.Type;
            }
        }

        return null;
    }

    private static List<string> VersionsOf(JsonElement group)
    {
        var versions = group
            .GetProperty("versions")
            .EnumerateArray()
            .Select(version => version.GetProperty("groupVersion").GetString()!)
            .ToList();
        if (group.TryGetProperty("preferredVersion", out var preferred) && preferred.TryGetProperty("groupVersion", out var name))
        {
            versions.Remove(name.GetString()!);
            versions.Insert(0, name.GetString()!);
        }

        return versions;
    }

    private static string Text(JsonElement from, string name) => from.TryGetProperty(name, out var value) ? value.GetString() ?? "" : "";

    private async Task<IReadOnlyList<DiscoveredResource>> ReadAsync(string apiVersion, CancellationToken cancellation)
    {
        var slash = apiVersion.IndexOf('/', StringComparison.Ordinal);
        var (group, version) = slash < 0 ? ("", apiVersion) : (apiVersion[..slash], apiVersion[(slash + 1)..]);
        try
        {
            using var document = await _client.GetRawAsync(PathOf(apiVersion), cancellation);
            var resources = new List<DiscoveredResource>();
            foreach (var item in document.RootElement.GetProperty("resources").EnumerateArray())
            {
                var name = Text(item, "name");
                if (!name.Contains('/', StringComparison.Ordinal))
                {
                    var verbs = item.TryGetProperty("verbs", out var listed)
                        ? listed.EnumerateArray().Select(verb => verb.GetString()!).ToArray()
                        : [];
                    resources.Add(
                        new DiscoveredResource(
                            new ResourceType(group, version, name, Text(item, "kind"), item.GetProperty("namespaced").GetBoolean()),
                            verbs
                        )
                    );
                }
            }

            _known[apiVersion] = resources;
            return resources;
        }
        catch (KubernetesException unknown) when (unknown.IsNotFound)
        {
            return [];
        }
    }
}

using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;

namespace Serving.Kubernetes.StorageVersions;

/// <summary>The fields of a CustomResourceDefinition that a migration needs.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ResourceVersion">Its resourceVersion.</param>
/// <param name="Group">The API group of its kind.</param>
/// <param name="Type">The kind in its storage version.</param>
/// <param name="StoredVersions">The versions in which objects may be stored.</param>
internal sealed record StoredDefinition(
    string Name,
    string ResourceVersion,
    string Group,
    ResourceType<Unstructured> Type,
    IReadOnlyList<string> StoredVersions
)
{
    /// <summary>Whether every object is stored in the storage version.</summary>
    public bool IsMigrated => StoredVersions is [var only] && only == Type.Version;

    /// <summary>Reads a definition. Throws <see cref="KubernetesConfigurationException"/> when it has no storage version, which no server
    /// accepts.</summary>
    public static StoredDefinition Of(CustomResourceDefinition definition)
    {
        var name = definition.Metadata.Name;
        var spec = definition.Spec ?? throw new KubernetesConfigurationException(name, "spec", "the definition has none");
        var storage = spec.GetProperty("versions")
            .EnumerateArray()
            .FirstOrDefault(version => version.TryGetProperty("storage", out var stores) && stores.GetBoolean());
        if (storage.ValueKind != JsonValueKind.Object)
        {
            throw new KubernetesConfigurationException(name, "spec.versions", "none is the storage version");
        }

        var names = spec.GetProperty("names");
        var group = spec.GetProperty("group").GetString()!;
        var type = Unstructured.Type(
            group,
            storage.GetProperty("name").GetString()!,
            names.GetProperty("plural").GetString()!,
            names.GetProperty("kind").GetString()!,
            spec.GetProperty("scope").GetString() == "Namespaced"
        );
        IReadOnlyList<string> stored =
            definition.Status is { ValueKind: JsonValueKind.Object } status && status.TryGetProperty("storedVersions", out var versions)
                ? [.. versions.EnumerateArray().Select(version => version.GetString()!)]
                : [];
        return new StoredDefinition(name, definition.Metadata.ResourceVersion, group, type, stored);
    }
}

using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;

namespace Serving.Kubernetes.StorageVersions;

/// <summary>What a migration needs of a CustomResourceDefinition.</summary>
/// <param name="Name">Its name.</param>
/// <param name="ResourceVersion">Its revision.</param>
/// <param name="Group">The group it defines a kind of.</param>
/// <param name="Type">The kind in its storage version.</param>
/// <param name="StoredVersions">The versions that objects may be stored in.</param>
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

    /// <summary>Reads a definition. Throws <see cref="KubernetesConfigurationException"/> for one that names no storage version, which no
    /// server accepts.</summary>
    public static StoredDefinition Of(CustomResourceDefinition definition)
    {
        var name = definition.Metadata.Name;
        var spec = definition.Spec ?? throw new KubernetesConfigurationException(name, "spec", "the definition has none");
        var storage = spec.GetProperty("versions")
            .EnumerateArray()
            .FirstOrDefault(version => version.TryGetProperty("storage", out var stores) && stores.GetBoolean());
        if (storage.ValueKind != JsonValueKind.Object)
        {
            throw new KubernetesConfigurationException(name, "spec.versions", "none is the one to store");
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

using System.Text.Json.Serialization.Metadata;
using Serving.Api.Core;

namespace Serving.Api;

/// <summary>Identifies a resource of the API, such as <c>apps/v1 deployments</c>, independent of the record that models it.</summary>
/// <param name="Group">The API group; empty for the core group.</param>
/// <param name="Version">The version, such as <c>v1</c>.</param>
/// <param name="Plural">The plural, lowercase name in paths, such as <c>deployments</c>.</param>
/// <param name="Kind">The kind, such as <c>Deployment</c>.</param>
/// <param name="Namespaced">Whether its objects are namespaced.</param>
public record ResourceType(string Group, string Version, string Plural, string Kind, bool Namespaced = true)
{
    /// <summary>Group and version as written in documents: <c>apps/v1</c>, or <c>v1</c> in the core group.</summary>
    public string ApiVersion => Group.Length == 0 ? Version : $"{Group}/{Version}";

    /// <summary>The path of the collection: <c>/apis/apps/v1/namespaces/{ns}/deployments</c>; all namespaces when <paramref name="ns"/> is
    /// null.</summary>
    public string CollectionPath(string? ns)
    {
        var root = Group.Length == 0 ? $"/api/{Version}" : $"/apis/{Group}/{Version}";
        return Namespaced && !string.IsNullOrEmpty(ns) ? $"{root}/namespaces/{ns}/{Plural}" : $"{root}/{Plural}";
    }

    /// <summary>The path of one object, optionally of one of its subresources (<c>status</c>, <c>scale</c>).</summary>
    public string ObjectPath(string? ns, string name, string? subresource = null) =>
        $"{CollectionPath(ns)}/{Uri.EscapeDataString(name)}{(subresource is null ? "" : "/" + subresource)}";
}

/// <summary>A resource with the record that models it and the type information that serializes it.</summary>
public sealed record ResourceType<T>(
    string Group,
    string Version,
    string Plural,
    string Kind,
    JsonTypeInfo<T> Json,
    JsonTypeInfo<KubernetesList<T>> ListJson,
    bool Namespaced = true
) : ResourceType(Group, Version, Plural, Kind, Namespaced)
    where T : class, IKubernetesObject;

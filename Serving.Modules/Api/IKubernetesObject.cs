using System.Text.Json.Serialization;
using Serving.Api.Core;

namespace Serving.Api;

/// <summary>An object of the Kubernetes API: type, metadata and content.</summary>
public interface IKubernetesObject
{
    /// <summary>Group and version, such as <c>apps/v1</c> or <c>v1</c>.</summary>
    string ApiVersion { get; }

    /// <summary>The kind, such as <c>Deployment</c>.</summary>
    string Kind { get; }

    /// <summary>Name, namespace, labels, annotations and ownership.</summary>
    ObjectMeta Metadata { get; }
}

/// <summary>The base of the records that are Kubernetes objects.</summary>
public abstract record KubernetesObject : Extensible, IKubernetesObject
{
    [JsonPropertyOrder(-3)]
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";

    [JsonPropertyOrder(-2)]
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";

    [JsonPropertyOrder(-1)]
    public ObjectMeta Metadata
    {
        get;
        init => field = value ?? new();
    } = new();
}

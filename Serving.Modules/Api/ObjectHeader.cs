using Serving.Api.Core;

namespace Serving.Api;

/// <summary>
/// Kind and metadata of any object, for code that handles names, labels and owners of all kinds. Read-only: writing it back would lose the
/// rest of the object.
/// </summary>
public sealed record ObjectHeader : IKubernetesObject
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public ObjectMeta Metadata
    {
        get;
        init => field = value ?? new();
    } = new();

    /// <summary>The same resource, read as headers.</summary>
    public static ResourceType<ObjectHeader> Type(ResourceType type) =>
        new(
            type.Group,
            type.Version,
            type.Plural,
            type.Kind,
            ApiJson.Default.Of<ObjectHeader>(),
            ApiJson.Default.Of<KubernetesList<ObjectHeader>>(),
            type.Namespaced
        );
}

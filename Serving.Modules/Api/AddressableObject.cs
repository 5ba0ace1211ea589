using Serving.Api.Core;

namespace Serving.Api;

/// <summary>
/// Any object with an address in its status, whatever its kind (duck/v1 AddressableType). Read-only: everything except metadata and
/// addresses is ignored.
/// </summary>
public sealed record AddressableObject : IKubernetesObject
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
    public AddressableStatus Status
    {
        get;
        init => field = value ?? new();
    } = new();

    /// <summary>The same resource, read as an addressable.</summary>
    public static ResourceType<AddressableObject> Type(ResourceType type) =>
        new(
            type.Group,
            type.Version,
            type.Plural,
            type.Kind,
            ApiJson.Default.Of<AddressableObject>(),
            ApiJson.Default.Of<KubernetesList<AddressableObject>>(),
            type.Namespaced
        );
}

/// <summary>The addresses of an object: a list, of which the first is preferred, or a single one.</summary>
public sealed record AddressableStatus
{
    public Addressable? Address { get; init; }
    public IReadOnlyList<Addressable> Addresses
    {
        get;
        init => field = value ?? [];
    } = [];
}

using Serving.Api.Core;

namespace Serving.Api;

/// <summary>
/// Any object that says in its status where it can be called, whatever its kind (duck/v1 AddressableType). It is for reading:
/// everything but metadata and addresses is left out.
/// </summary>
public sealed record AddressableObject : IKubernetesObject
{
    public string ApiVersion { get; init => field = value ?? ""; } = "";
    public string Kind { get; init => field = value ?? ""; } = "";
    public ObjectMeta Metadata { get; init => field = value ?? new(); } = new();
    public AddressableStatus Status { get; init => field = value ?? new(); } = new();

    /// <summary>The same resource, read for its addresses.</summary>
    public static ResourceType<AddressableObject> Type(ResourceType type)
        => new(
            type.Group, type.Version, type.Plural, type.Kind, ApiJson.Default.Of<AddressableObject>(), ApiJson.Default.Of<KubernetesList<AddressableObject>>(),
            type.Namespaced);
}

/// <summary>Where an object can be called: the addresses, of which the first is preferred, or the only one.</summary>
public sealed record AddressableStatus
{
    public Addressable? Address { get; init; }
    public IReadOnlyList<Addressable> Addresses { get; init => field = value ?? []; } = [];
}

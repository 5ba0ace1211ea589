using Serving.Api.Core;

namespace Serving.Api.Caching;

/// <summary>An image that a Revision needs, for caches that prefetch (caching.internal.knative.dev/v1alpha1 Image).</summary>
public sealed record Image : KubernetesObject
{
    public ImageSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
    public KnativeStatus? Status { get; init; }
}

/// <summary>The image and how to pull it.</summary>
public sealed record ImageSpec : Extensible
{
    /// <summary>The image reference. Renamed, because the wire name is that of the kind.</summary>
    [RequiredField]
    [System.Text.Json.Serialization.JsonPropertyName("image")]
    public string Reference
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ServiceAccountName
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<LocalObjectReference> ImagePullSecrets
    {
        get;
        init => field = value ?? [];
    } = [];
}

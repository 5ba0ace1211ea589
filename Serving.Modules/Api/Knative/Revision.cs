using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>An immutable snapshot of code and configuration (serving.knative.dev/v1 Revision).</summary>
public sealed record Revision : KnativeObject<RevisionStatus>
{
    public RevisionSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The template of Revisions.</summary>
public sealed record RevisionTemplateSpec : Extensible
{
    public ObjectMeta Metadata
    {
        get;
        init => field = value ?? new();
    } = new();
    public RevisionSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>A pod specification with Knative's own fields.</summary>
public sealed record RevisionSpec : PodSpec
{
    /// <summary>Maximum number of concurrent requests per pod; 0 means no limit.</summary>
    public long? ContainerConcurrency { get; init; }

    /// <summary>Seconds within which the response must be complete.</summary>
    public long? TimeoutSeconds { get; init; }

    /// <summary>Seconds within which the response must start.</summary>
    public long? ResponseStartTimeoutSeconds { get; init; }

    /// <summary>Seconds without a byte after which a response is aborted.</summary>
    public long? IdleTimeoutSeconds { get; init; }
}

/// <summary>The status of a Revision.</summary>
public sealed record RevisionStatus : KnativeStatus
{
    public string LogUrl
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<ContainerDigest> ContainerStatuses
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<ContainerDigest> InitContainerStatuses
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? ActualReplicas { get; init; }
    public int? DesiredReplicas { get; init; }
}

/// <summary>The digest that a container's image resolved to (ContainerStatus in serving.knative.dev/v1).</summary>
public sealed record ContainerDigest : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ImageDigest
    {
        get;
        init => field = value ?? "";
    } = "";
}

using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>Scales one Revision (autoscaling.internal.knative.dev/v1alpha1 PodAutoscaler).</summary>
public sealed record PodAutoscaler : KnativeObject<PodAutoscalerStatus>
{
    public PodAutoscalerSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The scale target, and whether traffic can reach it.</summary>
public sealed record PodAutoscalerSpec : Extensible
{
    public long ContainerConcurrency { get; init; }

    [RequiredField]
    public ObjectReference ScaleTargetRef
    {
        get;
        init => field = value ?? new();
    } = new();

    /// <summary>Empty (unknown), <c>Reachable</c> or <c>Unreachable</c>.</summary>
    public string Reachability
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary><c>http1</c> or <c>h2c</c>.</summary>
    [RequiredField]
    public string ProtocolType
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The desired and the actual scale.</summary>
public sealed record PodAutoscalerStatus : KnativeStatus
{
    [RequiredField, WrittenWhenEmpty]
    public string ServiceName
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField, WrittenWhenEmpty]
    public string MetricsServiceName
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Desired number of pods; -1 while unknown.</summary>
    public int? DesiredScale { get; init; }
    public int? ActualScale { get; init; }
}

namespace Serving.Api.Core;

/// <summary>The part of a pod that we read (core/v1 Pod).</summary>
public sealed record Pod : KubernetesObject
{
    public PodSpec? Spec { get; init; }
    public PodStatus? Status { get; init; }
}

/// <summary>The status of a pod.</summary>
public sealed record PodStatus : Extensible
{
    public string Phase
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Reason
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Message
    {
        get;
        init => field = value ?? "";
    } = "";
    public string HostIP
    {
        get;
        init => field = value ?? "";
    } = "";
    public string PodIP
    {
        get;
        init => field = value ?? "";
    } = "";
    public DateTimeOffset? StartTime { get; init; }
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<ContainerStatus> InitContainerStatuses
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<ContainerStatus> ContainerStatuses
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The status of a container.</summary>
public sealed record ContainerStatus : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Image
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string ImageID
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ContainerID
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public bool Ready { get; init; }
    public bool? Started { get; init; }

    [RequiredField]
    public int RestartCount { get; init; }
    public ContainerState? State { get; init; }
    public ContainerState? LastState { get; init; }

    /// <summary>What the node has given the container, since Kubernetes 1.33.</summary>
    public ResourceRequirements? Resources { get; init; }
}

/// <summary>The state of a container; exactly one is set.</summary>
public sealed record ContainerState : Extensible
{
    public ContainerStateWaiting? Waiting { get; init; }
    public ContainerStateRunning? Running { get; init; }
    public ContainerStateTerminated? Terminated { get; init; }
}

/// <summary>The state of a waiting container.</summary>
public sealed record ContainerStateWaiting : Extensible
{
    public string Reason
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Message
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The state of a running container.</summary>
public sealed record ContainerStateRunning : Extensible
{
    public DateTimeOffset? StartedAt { get; init; }
}

/// <summary>The state of a terminated container.</summary>
public sealed record ContainerStateTerminated : Extensible
{
    [RequiredField]
    public int ExitCode { get; init; }
    public int? Signal { get; init; }
    public string Reason
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Message
    {
        get;
        init => field = value ?? "";
    } = "";
    public DateTimeOffset? StartedAt { get; init; }
    public DateTimeOffset? FinishedAt { get; init; }
    public string ContainerID
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A Deployment (apps/v1).</summary>
public sealed record Deployment : KubernetesObject
{
    public DeploymentSpec? Spec { get; init; }
    public DeploymentStatus? Status { get; init; }
}

/// <summary>The specification of a Deployment.</summary>
public sealed record DeploymentSpec : Extensible
{
    public int? Replicas { get; init; }
    public LabelSelector? Selector { get; init; }
    public PodTemplateSpec? Template { get; init; }
    public DeploymentStrategy? Strategy { get; init; }
    public int? MinReadySeconds { get; init; }
    public int? RevisionHistoryLimit { get; init; }
    public bool? Paused { get; init; }
    public int? ProgressDeadlineSeconds { get; init; }
}

/// <summary>How a Deployment replaces its pods.</summary>
public sealed record DeploymentStrategy : Extensible
{
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public RollingUpdateDeployment? RollingUpdate { get; init; }
}

/// <summary>Limits of a rolling update: absolute numbers or percentages.</summary>
public sealed record RollingUpdateDeployment : Extensible
{
    public IntOrString? MaxUnavailable { get; init; }
    public IntOrString? MaxSurge { get; init; }
}

/// <summary>The status of a Deployment.</summary>
public sealed record DeploymentStatus : Extensible
{
    public long? ObservedGeneration { get; init; }
    public int? Replicas { get; init; }
    public int? UpdatedReplicas { get; init; }
    public int? ReadyReplicas { get; init; }
    public int? AvailableReplicas { get; init; }
    public int? UnavailableReplicas { get; init; }
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? CollisionCount { get; init; }
}

/// <summary>A ReplicaSet (apps/v1).</summary>
public sealed record ReplicaSet : KubernetesObject
{
    public ReplicaSetSpec? Spec { get; init; }
    public ReplicaSetStatus? Status { get; init; }
}

/// <summary>The specification of a ReplicaSet.</summary>
public sealed record ReplicaSetSpec : Extensible
{
    public int? Replicas { get; init; }
    public int? MinReadySeconds { get; init; }
    public LabelSelector? Selector { get; init; }
    public PodTemplateSpec? Template { get; init; }
}

/// <summary>The status of a ReplicaSet.</summary>
public sealed record ReplicaSetStatus : Extensible
{
    [RequiredField]
    public int Replicas { get; init; }
    public int? FullyLabeledReplicas { get; init; }
    public int? ReadyReplicas { get; init; }
    public int? AvailableReplicas { get; init; }
    public long? ObservedGeneration { get; init; }
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A HorizontalPodAutoscaler (autoscaling/v2); the HPA class replaces its specification as a whole.</summary>
public sealed record HorizontalPodAutoscaler : KubernetesObject
{
    public HorizontalPodAutoscalerSpec? Spec { get; init; }
    public HorizontalPodAutoscalerStatus? Status { get; init; }
}

/// <summary>The specification of a HorizontalPodAutoscaler.</summary>
public sealed record HorizontalPodAutoscalerSpec : Extensible
{
    public ObjectReference? ScaleTargetRef { get; init; }
    public int? MinReplicas { get; init; }

    [RequiredField]
    public int MaxReplicas { get; init; }
    public IReadOnlyList<System.Text.Json.JsonElement> Metrics
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>The scaling behavior, as JSON.</summary>
    public System.Text.Json.JsonElement? Behavior { get; init; }
}

/// <summary>The status of a HorizontalPodAutoscaler.</summary>
public sealed record HorizontalPodAutoscalerStatus : Extensible
{
    public int? CurrentReplicas { get; init; }
    public int? DesiredReplicas { get; init; }
}

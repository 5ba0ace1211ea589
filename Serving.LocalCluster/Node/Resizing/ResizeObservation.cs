using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Resizing;

/// <summary>What the status of a pod shows of its resources.</summary>
internal sealed record ResizeObservation
{
    /// <summary>The generation of the pod whose resources were decided on; null before the node saw one.</summary>
    public long? Generation { get; init; }

    /// <summary>A resize that is not allocated yet.</summary>
    public ResizeCondition? Pending { get; init; }

    /// <summary>A resize that is allocated and not applied yet.</summary>
    public ResizeCondition? InProgress { get; init; }

    /// <summary>The resources of the containers that can be resized, by name.</summary>
    public IReadOnlyDictionary<string, ContainerResources> Containers { get; init; } =
        new Dictionary<string, ContainerResources>(StringComparer.Ordinal);
}

/// <summary>One of the two conditions of a resize, <c>PodResizePending</c> or <c>PodResizeInProgress</c>.</summary>
/// <param name="Reason">Empty when all is well.</param>
/// <param name="Message">The kubelet's message.</param>
/// <param name="Generation">The generation of the pod that asked for it.</param>
internal sealed record ResizeCondition(string Reason, string Message, long? Generation);

/// <summary>The resources of one container.</summary>
/// <param name="Allocated">What the node has allocated.</param>
/// <param name="Applied">What its processes run with.</param>
internal sealed record ContainerResources(ResourceRequirements? Allocated, ResourceRequirements? Applied);

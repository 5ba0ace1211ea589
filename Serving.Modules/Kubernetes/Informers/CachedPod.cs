using Serving.Api.Core;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// The part of a pod that a control plane reads: metadata, status, and the names, ports and requests of its
/// containers. A specification is most of a
/// pod, and nothing here writes one back.
/// </summary>
internal static class CachedPod
{
    /// <summary>The pod without the rest.</summary>
    public static Pod Of(Pod pod) =>
        new()
        {
            ApiVersion = pod.ApiVersion,
            Kind = pod.Kind,
            Metadata = pod.Metadata,
            Spec = pod.Spec is null
                ? null
                : new PodSpec
                {
                    Containers =
                    [
                        .. pod.Spec.Containers.Select(static one => new Container
                        {
                            Name = one.Name,
                            Ports = one.Ports,
                            Resources = RequestsOf(one.Resources),
                        }),
                    ],
                },
            Status = pod.Status is { } status
                ? new PodStatus
                {
                    Phase = status.Phase,
                    Reason = status.Reason,
                    Message = status.Message,
                    HostIP = status.HostIP,
                    PodIP = status.PodIP,
                    StartTime = status.StartTime,
                    Conditions = status.Conditions,
                    InitContainerStatuses = [.. status.InitContainerStatuses.Select(StatusOf)],
                    ContainerStatuses = [.. status.ContainerStatuses.Select(StatusOf)],
                }
                : null,
        };

    private static ContainerStatus StatusOf(ContainerStatus status) =>
        new()
        {
            Name = status.Name,
            Image = status.Image,
            ImageID = status.ImageID,
            Ready = status.Ready,
            Started = status.Started,
            RestartCount = status.RestartCount,
            State = status.State,
            LastState = status.LastState,
            Resources = RequestsOf(status.Resources),
        };

    /// <summary>What a resize changes; limits follow from the requests.</summary>
    private static ResourceRequirements? RequestsOf(ResourceRequirements? resources) =>
        resources?.Requests is { } requests ? new ResourceRequirements { Requests = requests } : null;
}

namespace Serving.Api.WellKnown;

/// <summary>Labels and annotations of serving.knative.dev, and those of the sidecar.</summary>
public static class ServingKeys
{
    public const string Group = "serving.knative.dev";

    public const string Configuration = "serving.knative.dev/configuration";
    public const string ConfigurationGeneration = "serving.knative.dev/configurationGeneration";
    public const string ConfigurationUid = "serving.knative.dev/configurationUID";
    public const string Creator = "serving.knative.dev/creator";
    public const string DeploymentHash = "serving.knative.dev/deployment-hash";
    public const string DomainMappingNamespace = "serving.knative.dev/domainMappingNamespace";
    public const string DomainMappingUid = "serving.knative.dev/domainMappingUID";
    public const string LastModifier = "serving.knative.dev/lastModifier";
    public const string LastPinned = "serving.knative.dev/lastPinned";
    public const string NoGc = "serving.knative.dev/no-gc";
    public const string ProgressDeadline = "serving.knative.dev/progress-deadline";
    public const string Revision = "serving.knative.dev/revision";
    public const string RevisionUid = "serving.knative.dev/revisionUID";
    public const string Route = "serving.knative.dev/route";
    public const string RouteNamespace = "serving.knative.dev/routeNamespace";
    public const string Routes = "serving.knative.dev/routes";
    public const string RoutingState = "serving.knative.dev/routingState";
    public const string RoutingStateModified = "serving.knative.dev/routingStateModified";
    public const string Service = "serving.knative.dev/service";
    public const string ServiceUid = "serving.knative.dev/serviceUID";

    /// <summary>The label by which other tools group pods.</summary>
    public const string App = "app";

    /// <summary>The value of <see cref="RoutingState"/> before any Route was observed.</summary>
    public const string RoutingStatePending = "pending";

    /// <summary>The value of <see cref="RoutingState"/> when a Route refers to the Revision.</summary>
    public const string RoutingStateActive = "active";

    /// <summary>The value of <see cref="RoutingState"/> when no Route refers to the Revision.</summary>
    public const string RoutingStateReserve = "reserve";

    /// <summary>The annotation that names kubectl's default container.</summary>
    public const string DefaultContainer = "kubectl.kubernetes.io/default-container";

    public const string AllowHttpFullDuplex = "features.knative.dev/http-full-duplex";
    public const string QueueProxyPodInfo = "features.knative.dev/queueproxy-podinfo";

    public const string QueueSidecarCpuRequest = "queue.sidecar.serving.knative.dev/cpu-resource-request";
    public const string QueueSidecarCpuLimit = "queue.sidecar.serving.knative.dev/cpu-resource-limit";
    public const string QueueSidecarMemoryRequest = "queue.sidecar.serving.knative.dev/memory-resource-request";
    public const string QueueSidecarMemoryLimit = "queue.sidecar.serving.knative.dev/memory-resource-limit";
    public const string QueueSidecarEphemeralStorageRequest = "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-request";
    public const string QueueSidecarEphemeralStorageLimit = "queue.sidecar.serving.knative.dev/ephemeral-storage-resource-limit";

    /// <summary>The duration of a rollout to the latest Revision.</summary>
    public static AnnotationKeys RolloutDuration { get; } =
        new("serving.knative.dev/rollout-duration", "serving.knative.dev/rolloutDuration");

    /// <summary>The sidecar's resources in percent of the user container's.</summary>
    public static AnnotationKeys QueueSidecarResourcePercentage { get; } =
        new("queue.sidecar.serving.knative.dev/resource-percentage", "queue.sidecar.serving.knative.dev/resourcePercentage");
}

namespace Serving.Api.Config;

/// <summary>config-features: feature flags for the pod specification and the request path.</summary>
public sealed record FeaturesConfig
{
    /// <summary>The defaults.</summary>
    public static FeaturesConfig Default { get; } = new();

    public FeatureFlag MultiContainer { get; init; } = FeatureFlag.Enabled;
    public FeatureFlag MultiContainerProbing { get; init; }
    public FeatureFlag PodSpecAffinity { get; init; }
    public FeatureFlag PodSpecTopologySpreadConstraints { get; init; }
    public FeatureFlag PodSpecFieldRef { get; init; }
    public FeatureFlag PodSpecHostAliases { get; init; }
    public FeatureFlag PodSpecNodeSelector { get; init; }
    public FeatureFlag PodSpecRuntimeClassName { get; init; }
    public FeatureFlag PodSpecSecurityContext { get; init; }
    public FeatureFlag PodSpecShareProcessNamespace { get; init; }
    public FeatureFlag PodSpecHostIPC { get; init; }
    public FeatureFlag PodSpecHostPID { get; init; }
    public FeatureFlag PodSpecHostNetwork { get; init; }
    public FeatureFlag PodSpecPriorityClassName { get; init; }
    public FeatureFlag PodSpecSchedulerName { get; init; }
    public FeatureFlag ContainerSpecAddCapabilities { get; init; }
    public FeatureFlag PodSpecTolerations { get; init; }
    public FeatureFlag PodSpecVolumesEmptyDir { get; init; } = FeatureFlag.Enabled;
    public FeatureFlag PodSpecVolumesHostPath { get; init; }
    public FeatureFlag PodSpecVolumesMountPropagation { get; init; }
    public FeatureFlag PodSpecVolumesCSI { get; init; }
    public FeatureFlag PodSpecVolumesEphemeral { get; init; }
    public FeatureFlag PodSpecVolumesImage { get; init; }
    public FeatureFlag PodSpecInitContainers { get; init; }
    public FeatureFlag PodSpecPersistentVolumeClaim { get; init; }
    public FeatureFlag PodSpecPersistentVolumeWrite { get; init; }
    public FeatureFlag PodSpecDNSPolicy { get; init; }
    public FeatureFlag PodSpecDNSConfig { get; init; }
    public FeatureFlag QueueProxyMountPodInfo { get; init; }
    public FeatureFlag QueueProxyResourceDefaults { get; init; }
    public SecurePodDefaults SecurePodDefaults { get; init; }
    public FeatureFlag TagHeaderBasedRouting { get; init; }
    public FeatureFlag AutoDetectHTTP2 { get; init; }
}

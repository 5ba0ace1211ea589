using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>Parses config-features. An unknown value of a flag is ignored, so that older releases accept newer files.</summary>
public static class FeaturesConfigParser
{
    /// <summary>The ConfigMap's name.</summary>
    public const string Name = "config-features";

    /// <summary>Parses the data; never rejects it.</summary>
    public static FeaturesConfig Parse(IReadOnlyDictionary<string, string> data)
    {
        var from = new ConfigData(Name, data);
        var d = FeaturesConfig.Default;
        return new FeaturesConfig
        {
            MultiContainer = from.Choice("multi-container", d.MultiContainer),
            MultiContainerProbing = from.Choice("multi-container-probing", d.MultiContainerProbing),
            PodSpecAffinity = from.Choice("kubernetes.podspec-affinity", d.PodSpecAffinity),
            PodSpecTopologySpreadConstraints = from.Choice(
                "kubernetes.podspec-topologyspreadconstraints",
                d.PodSpecTopologySpreadConstraints
            ),
            PodSpecFieldRef = from.Choice("kubernetes.podspec-fieldref", d.PodSpecFieldRef),
            PodSpecHostAliases = from.Choice("kubernetes.podspec-hostaliases", d.PodSpecHostAliases),
            PodSpecNodeSelector = from.Choice("kubernetes.podspec-nodeselector", d.PodSpecNodeSelector),
            PodSpecRuntimeClassName = from.Choice("kubernetes.podspec-runtimeclassname", d.PodSpecRuntimeClassName),
            PodSpecSecurityContext = from.Choice("kubernetes.podspec-securitycontext", d.PodSpecSecurityContext),
            PodSpecShareProcessNamespace = from.Choice("kubernetes.podspec-shareprocessnamespace", d.PodSpecShareProcessNamespace),
            PodSpecHostIPC = from.Choice("kubernetes.podspec-hostipc", d.PodSpecHostIPC),
            PodSpecHostPID = from.Choice("kubernetes.podspec-hostpid", d.PodSpecHostPID),
            PodSpecHostNetwork = from.Choice("kubernetes.podspec-hostnetwork", d.PodSpecHostNetwork),
            PodSpecPriorityClassName = from.Choice("kubernetes.podspec-priorityclassname", d.PodSpecPriorityClassName),
            PodSpecSchedulerName = from.Choice("kubernetes.podspec-schedulername", d.PodSpecSchedulerName),
            ContainerSpecAddCapabilities = from.Choice("kubernetes.containerspec-addcapabilities", d.ContainerSpecAddCapabilities),
            PodSpecTolerations = from.Choice("kubernetes.podspec-tolerations", d.PodSpecTolerations),
            PodSpecVolumesEmptyDir = from.Choice("kubernetes.podspec-volumes-emptydir", d.PodSpecVolumesEmptyDir),
            PodSpecVolumesHostPath = from.Choice("kubernetes.podspec-volumes-hostpath", d.PodSpecVolumesHostPath),
            PodSpecVolumesMountPropagation = from.Choice("kubernetes.podspec-volumes-mount-propagation", d.PodSpecVolumesMountPropagation),
            PodSpecVolumesCSI = from.Choice("kubernetes.podspec-volumes-csi", d.PodSpecVolumesCSI),
            PodSpecVolumesEphemeral = from.Choice("kubernetes.podspec-volumes-ephemeral", d.PodSpecVolumesEphemeral),
            PodSpecVolumesImage = from.Choice("kubernetes.podspec-volumes-image", d.PodSpecVolumesImage),
            PodSpecInitContainers = from.Choice("kubernetes.podspec-init-containers", d.PodSpecInitContainers),
            PodSpecPersistentVolumeClaim = from.Choice("kubernetes.podspec-persistent-volume-claim", d.PodSpecPersistentVolumeClaim),
            PodSpecPersistentVolumeWrite = from.Choice("kubernetes.podspec-persistent-volume-write", d.PodSpecPersistentVolumeWrite),
            PodSpecDNSPolicy = from.Choice("kubernetes.podspec-dnspolicy", d.PodSpecDNSPolicy),
            PodSpecDNSConfig = from.Choice("kubernetes.podspec-dnsconfig", d.PodSpecDNSConfig),
            QueueProxyMountPodInfo = from.Choice("queueproxy.mount-podinfo", d.QueueProxyMountPodInfo),
            QueueProxyResourceDefaults = from.Choice("queueproxy.resource-defaults", d.QueueProxyResourceDefaults),
            SecurePodDefaults = from.Choice("secure-pod-defaults", d.SecurePodDefaults),
            TagHeaderBasedRouting = from.Choice("tag-header-based-routing", d.TagHeaderBasedRouting),
            AutoDetectHTTP2 = from.Choice("autodetect-http2", d.AutoDetectHTTP2),
        };
    }
}

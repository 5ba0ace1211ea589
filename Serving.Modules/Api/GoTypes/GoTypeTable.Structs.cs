namespace Serving.Api.GoTypes;

/// <summary>The types of a Revision's specification: those of Kubernetes' core/v1 and, before them, Knative's own.</summary>
internal static partial class GoTypeTable
{
    // "Struct: Field type, …". A name alone is an inlined struct, Field=name sets a JSON name that does not follow from Go's, and ! marks
    // fields that are always written. Types without a line are opaque.
    private const string Structs = """
        Service: Spec ServiceSpec
        ServiceSpec: ConfigurationSpec
        Configuration: Spec ConfigurationSpec
        ConfigurationSpec: Template RevisionTemplateSpec
        RevisionTemplateSpec: ObjectMeta=metadata ObjectMeta, Spec RevisionSpec
        Revision: Spec RevisionSpec
        RevisionSpec: PodSpec, ContainerConcurrency *int64, TimeoutSeconds *int64, ResponseStartTimeoutSeconds *int64,
          IdleTimeoutSeconds *int64
        PodSpec: Volumes []Volume, InitContainers []Container, Containers []Container, EphemeralContainers []EphemeralContainer,
          RestartPolicy string, TerminationGracePeriodSeconds *int64, ActiveDeadlineSeconds *int64, DNSPolicy string, NodeSelector
          map[string]string, ServiceAccountName string, DeprecatedServiceAccount=serviceAccount string, AutomountServiceAccountToken
          *bool, NodeName string, HostNetwork bool, HostPID bool, HostIPC bool, ShareProcessNamespace *bool, SecurityContext
          *PodSecurityContext, ImagePullSecrets []LocalObjectReference, Hostname string, Subdomain string, Affinity *Affinity,
          SchedulerName string, Tolerations []Toleration, HostAliases []HostAlias, PriorityClassName string, Priority *int32, DNSConfig
          *PodDNSConfig, ReadinessGates []PodReadinessGate, RuntimeClassName *string, EnableServiceLinks *bool, PreemptionPolicy *string,
          Overhead map[string]Quantity, TopologySpreadConstraints []TopologySpreadConstraint, SetHostnameAsFQDN *bool, OS *PodOS,
          HostUsers *bool, SchedulingGates []PodSchedulingGate, ResourceClaims []PodResourceClaim, Resources *ResourceRequirements,
          HostnameOverride *string, WorkloadRef *WorkloadReference
        Volume: Name string, VolumeSource
        Container: Name string, Image string, Command []string, Args []string, WorkingDir string, Ports []ContainerPort, EnvFrom
          []EnvFromSource, Env []EnvVar, Resources ResourceRequirements, ResizePolicy []ContainerResizePolicy, RestartPolicy *string,
          RestartPolicyRules []ContainerRestartRule, VolumeMounts []VolumeMount, VolumeDevices []VolumeDevice, LivenessProbe *Probe,
          ReadinessProbe *Probe, StartupProbe *Probe, Lifecycle *Lifecycle, TerminationMessagePath string, TerminationMessagePolicy
          string, ImagePullPolicy string, SecurityContext *SecurityContext, Stdin bool, StdinOnce bool, TTY bool
        PodSecurityContext: SELinuxOptions *SELinuxOptions, WindowsOptions *WindowsSecurityContextOptions, RunAsUser *int64, RunAsGroup
          *int64, RunAsNonRoot *bool, SupplementalGroups []int64, SupplementalGroupsPolicy *string, FSGroup *int64, Sysctls []Sysctl,
          FSGroupChangePolicy *string, SeccompProfile *SeccompProfile, AppArmorProfile *AppArmorProfile, SELinuxChangePolicy *string
        LocalObjectReference: Name string
        Affinity: NodeAffinity *NodeAffinity, PodAffinity *PodAffinity, PodAntiAffinity *PodAntiAffinity
        Toleration: Key string, Operator string, Value string, Effect string, TolerationSeconds *int64
        HostAlias: IP string, Hostnames []string
        PodDNSConfig: Nameservers []string, Searches []string, Options []PodDNSConfigOption
        TopologySpreadConstraint: MaxSkew int32, TopologyKey string, WhenUnsatisfiable string, LabelSelector *LabelSelector, MinDomains
          *int32, NodeAffinityPolicy *string, NodeTaintsPolicy *string, MatchLabelKeys []string
        ResourceRequirements: Limits map[string]Quantity, Requests map[string]Quantity, Claims []ResourceClaim
        VolumeSource: HostPath *HostPathVolumeSource, EmptyDir *EmptyDirVolumeSource, GCEPersistentDisk *GCEPersistentDiskVolumeSource,
          AWSElasticBlockStore *AWSElasticBlockStoreVolumeSource, GitRepo *GitRepoVolumeSource, Secret *SecretVolumeSource, NFS
          *NFSVolumeSource, ISCSI *ISCSIVolumeSource, Glusterfs *GlusterfsVolumeSource, PersistentVolumeClaim
          *PersistentVolumeClaimVolumeSource, RBD *RBDVolumeSource, FlexVolume *FlexVolumeSource, Cinder *CinderVolumeSource,
          CephFS=cephfs *CephFSVolumeSource, Flocker *FlockerVolumeSource, DownwardAPI *DownwardAPIVolumeSource, FC *FCVolumeSource,
          AzureFile *AzureFileVolumeSource, ConfigMap *ConfigMapVolumeSource, VsphereVolume *VsphereVirtualDiskVolumeSource, Quobyte
          *QuobyteVolumeSource, AzureDisk *AzureDiskVolumeSource, PhotonPersistentDisk *PhotonPersistentDiskVolumeSource, Projected
          *ProjectedVolumeSource, PortworxVolume *PortworxVolumeSource, ScaleIO *ScaleIOVolumeSource, StorageOS=storageos
          *StorageOSVolumeSource, CSI *CSIVolumeSource, Ephemeral *EphemeralVolumeSource, Image *ImageVolumeSource
        ContainerPort: Name string, HostPort int32, ContainerPort int32, Protocol string, HostIP string
        EnvFromSource: Prefix string, ConfigMapRef *ConfigMapEnvSource, SecretRef *SecretEnvSource
        EnvVar: Name string, Value string, ValueFrom *EnvVarSource
        VolumeMount: Name string, ReadOnly bool, RecursiveReadOnly *string, MountPath string, SubPath string, MountPropagation *string,
          SubPathExpr string
        VolumeDevice: Name string, DevicePath string
        Probe: ProbeHandler, InitialDelaySeconds int32, TimeoutSeconds int32, PeriodSeconds int32, SuccessThreshold int32,
          FailureThreshold int32, TerminationGracePeriodSeconds *int64
        Lifecycle: PostStart *LifecycleHandler, PreStop *LifecycleHandler, StopSignal *string
        SecurityContext: Capabilities *Capabilities, Privileged *bool, SELinuxOptions *SELinuxOptions, WindowsOptions
          *WindowsSecurityContextOptions, RunAsUser *int64, RunAsGroup *int64, RunAsNonRoot *bool, ReadOnlyRootFilesystem *bool,
          AllowPrivilegeEscalation *bool, ProcMount *string, SeccompProfile *SeccompProfile, AppArmorProfile *AppArmorProfile
        SELinuxOptions: User string, Role string, Type string, Level string
        WindowsSecurityContextOptions: GMSACredentialSpecName *string, GMSACredentialSpec *string, RunAsUserName *string, HostProcess
          *bool
        Sysctl: Name string, Value string
        SeccompProfile: Type string, LocalhostProfile *string
        AppArmorProfile: Type string, LocalhostProfile *string
        NodeAffinity: RequiredDuringSchedulingIgnoredDuringExecution *NodeSelector, PreferredDuringSchedulingIgnoredDuringExecution
          []PreferredSchedulingTerm
        PodAffinity: RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm, PreferredDuringSchedulingIgnoredDuringExecution
          []WeightedPodAffinityTerm
        PodAntiAffinity: RequiredDuringSchedulingIgnoredDuringExecution []PodAffinityTerm, PreferredDuringSchedulingIgnoredDuringExecution
          []WeightedPodAffinityTerm
        PodDNSConfigOption: Name string, Value *string
        LabelSelector: MatchLabels map[string]string, MatchExpressions []LabelSelectorRequirement
        HostPathVolumeSource: Path string, Type *string
        EmptyDirVolumeSource: Medium string, SizeLimit *Quantity
        SecretVolumeSource: SecretName string, Items []KeyToPath, DefaultMode *int32, Optional *bool
        PersistentVolumeClaimVolumeSource: ClaimName string, ReadOnly bool
        DownwardAPIVolumeSource: Items []DownwardAPIVolumeFile, DefaultMode *int32
        ConfigMapVolumeSource: LocalObjectReference, Items []KeyToPath, DefaultMode *int32, Optional *bool
        ProjectedVolumeSource: Sources []VolumeProjection, DefaultMode *int32
        CSIVolumeSource: Driver string, ReadOnly *bool, FSType *string, VolumeAttributes map[string]string, NodePublishSecretRef
          *LocalObjectReference
        EphemeralVolumeSource: VolumeClaimTemplate *PersistentVolumeClaimTemplate
        ImageVolumeSource: Reference string, PullPolicy string
        ConfigMapEnvSource: LocalObjectReference, Optional *bool
        SecretEnvSource: LocalObjectReference, Optional *bool
        EnvVarSource: FieldRef *ObjectFieldSelector, ResourceFieldRef *ResourceFieldSelector, ConfigMapKeyRef *ConfigMapKeySelector,
          SecretKeyRef *SecretKeySelector, FileKeyRef *FileKeySelector
        ProbeHandler: Exec *ExecAction, HTTPGet *HTTPGetAction, TCPSocket *TCPSocketAction, GRPC *GRPCAction
        LifecycleHandler: Exec *ExecAction, HTTPGet *HTTPGetAction, TCPSocket *TCPSocketAction, Sleep *SleepAction
        Capabilities: Add []string, Drop []string
        NodeSelector: NodeSelectorTerms []NodeSelectorTerm
        PreferredSchedulingTerm: Weight int32, Preference NodeSelectorTerm
        PodAffinityTerm: LabelSelector *LabelSelector, Namespaces []string, TopologyKey string, NamespaceSelector *LabelSelector,
          MatchLabelKeys []string, MismatchLabelKeys []string
        WeightedPodAffinityTerm: Weight int32, PodAffinityTerm PodAffinityTerm
        LabelSelectorRequirement: Key string, Operator string, Values []string
        KeyToPath: Key string, Path string, Mode *int32
        DownwardAPIVolumeFile: Path string, FieldRef *ObjectFieldSelector, ResourceFieldRef *ResourceFieldSelector, Mode *int32
        VolumeProjection: Secret *SecretProjection, DownwardAPI *DownwardAPIProjection, ConfigMap *ConfigMapProjection,
          ServiceAccountToken *ServiceAccountTokenProjection, ClusterTrustBundle *ClusterTrustBundleProjection, PodCertificate
          *PodCertificateProjection
        PersistentVolumeClaimTemplate: ObjectMeta=metadata ObjectMeta!, Spec PersistentVolumeClaimSpec
        ObjectFieldSelector: APIVersion string, FieldPath string
        ResourceFieldSelector: ContainerName string, Resource string, Divisor Quantity!
        ConfigMapKeySelector: LocalObjectReference, Key string, Optional *bool
        SecretKeySelector: LocalObjectReference, Key string, Optional *bool
        ExecAction: Command []string
        HTTPGetAction: Path string, Port IntOrString, Host string, Scheme string, HTTPHeaders []HTTPHeader
        TCPSocketAction: Port IntOrString, Host string
        GRPCAction: Port int32, Service *string
        SleepAction: Seconds int64
        NodeSelectorTerm: MatchExpressions []NodeSelectorRequirement, MatchFields []NodeSelectorRequirement
        SecretProjection: LocalObjectReference, Items []KeyToPath, Optional *bool
        DownwardAPIProjection: Items []DownwardAPIVolumeFile
        ConfigMapProjection: LocalObjectReference, Items []KeyToPath, Optional *bool
        ServiceAccountTokenProjection: Audience string, ExpirationSeconds *int64, Path string
        ObjectMeta: Name string, GenerateName string, Namespace string, SelfLink string, UID string, ResourceVersion string, Generation
          int64, CreationTimestamp Time, DeletionTimestamp *Time, DeletionGracePeriodSeconds *int64, Labels map[string]string, Annotations
          map[string]string, OwnerReferences []OwnerReference, Finalizers []string, ManagedFields []ManagedFieldsEntry
        PersistentVolumeClaimSpec: AccessModes []string, Selector *LabelSelector, Resources VolumeResourceRequirements!, VolumeName
          string, StorageClassName *string, VolumeMode *string, DataSource *TypedLocalObjectReference, DataSourceRef
          *TypedObjectReference, VolumeAttributesClassName *string
        HTTPHeader: Name string, Value string
        NodeSelectorRequirement: Key string, Operator string, Values []string
        VolumeResourceRequirements: Limits map[string]Quantity, Requests map[string]Quantity
        TypedLocalObjectReference: APIGroup *string, Kind string, Name string
        TypedObjectReference: APIGroup *string, Kind string, Name string, Namespace *string
        """;

    // Where the protocol buffer order differs.
    private const string ProtocolOrders = """
        PodSecurityContext: SELinuxOptions, RunAsUser, RunAsNonRoot, SupplementalGroups, FSGroup, RunAsGroup, Sysctls,
          WindowsOptions, FSGroupChangePolicy, SeccompProfile, AppArmorProfile, SupplementalGroupsPolicy, SELinuxChangePolicy
        SecurityContext: Capabilities, Privileged, SELinuxOptions, RunAsUser, RunAsNonRoot, ReadOnlyRootFilesystem,
          AllowPrivilegeEscalation, RunAsGroup, ProcMount, WindowsOptions, SeccompProfile, AppArmorProfile
        PersistentVolumeClaimSpec: AccessModes, Resources, VolumeName, Selector, StorageClassName, VolumeMode, DataSource,
          DataSourceRef, VolumeAttributesClassName
        """;
}

using System.Text.Json;
using System.Text.Json.Serialization;

namespace Serving.Api.Core;

/// <summary>The template of a pod (core/v1 PodTemplateSpec).</summary>
public sealed record PodTemplateSpec : Extensible
{
    public ObjectMeta? Metadata { get; init; }
    public PodSpec? Spec { get; init; }
}

/// <summary>The specification of a pod (core/v1 PodSpec). Fields that we do not use are kept as extension data.</summary>
public record PodSpec : Extensible
{
    /// <summary>The PodSpec part of <paramref name="spec"/>, which may be a <see cref="Knative.RevisionSpec"/>.</summary>
    public static PodSpec Of(PodSpec spec) => new(spec);

    public IReadOnlyList<Volume> Volumes
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<Container> InitContainers
    {
        get;
        init => field = value ?? [];
    } = [];

    [RequiredField]
    public IReadOnlyList<Container> Containers
    {
        get;
        init => field = value ?? [];
    } = [];
    public string RestartPolicy
    {
        get;
        init => field = value ?? "";
    } = "";
    public long? TerminationGracePeriodSeconds { get; init; }
    public long? ActiveDeadlineSeconds { get; init; }
    public string DnsPolicy
    {
        get;
        init => field = value ?? "";
    } = "";
    public JsonElement? DnsConfig { get; init; }
    public IReadOnlyDictionary<string, string> NodeSelector
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public string ServiceAccountName
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? AutomountServiceAccountToken { get; init; }
    public string NodeName
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? HostNetwork { get; init; }
    public bool? HostPID { get; init; }
    public bool? HostIPC { get; init; }
    public bool? ShareProcessNamespace { get; init; }
    public JsonElement? SecurityContext { get; init; }
    public IReadOnlyList<LocalObjectReference> ImagePullSecrets
    {
        get;
        init => field = value ?? [];
    } = [];
    public JsonElement? Affinity { get; init; }
    public string SchedulerName
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<JsonElement> Tolerations
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<JsonElement> HostAliases
    {
        get;
        init => field = value ?? [];
    } = [];
    public string PriorityClassName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string RuntimeClassName
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? EnableServiceLinks { get; init; }
    public IReadOnlyList<JsonElement> TopologySpreadConstraints
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>One container (core/v1 Container).</summary>
public sealed record Container : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Image
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<string> Command
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<string> Args
    {
        get;
        init => field = value ?? [];
    } = [];
    public string WorkingDir
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<ContainerPort> Ports
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<EnvFromSource> EnvFrom
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<EnvVar> Env
    {
        get;
        init => field = value ?? [];
    } = [];
    public ResourceRequirements? Resources { get; init; }
    public IReadOnlyList<VolumeMount> VolumeMounts
    {
        get;
        init => field = value ?? [];
    } = [];
    public Probe? LivenessProbe { get; init; }
    public Probe? ReadinessProbe { get; init; }
    public Probe? StartupProbe { get; init; }
    public Lifecycle? Lifecycle { get; init; }
    public string TerminationMessagePath
    {
        get;
        init => field = value ?? "";
    } = "";
    public string TerminationMessagePolicy
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ImagePullPolicy
    {
        get;
        init => field = value ?? "";
    } = "";
    public SecurityContext? SecurityContext { get; init; }
    public string RestartPolicy
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? Stdin { get; init; }
    public bool? StdinOnce { get; init; }
    public bool? Tty { get; init; }
}

/// <summary>A port that a container listens on.</summary>
public sealed record ContainerPort : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? HostPort { get; init; }

    [RequiredField]
    [JsonPropertyName("containerPort")]
    public int Number { get; init; }
    public string Protocol
    {
        get;
        init => field = value ?? "";
    } = "";
    public string HostIP
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>An environment variable.</summary>
public sealed record EnvVar : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Value
    {
        get;
        init => field = value ?? "";
    } = "";
    public EnvVarSource? ValueFrom { get; init; }
}

/// <summary>The source of an environment variable's value; exactly one is set.</summary>
public sealed record EnvVarSource : Extensible
{
    public ObjectFieldSelector? FieldRef { get; init; }
    public ResourceFieldSelector? ResourceFieldRef { get; init; }
    public KeySelector? ConfigMapKeyRef { get; init; }
    public KeySelector? SecretKeyRef { get; init; }
}

/// <summary>A field of the pod itself.</summary>
public sealed record ObjectFieldSelector : Extensible
{
    public string ApiVersion
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string FieldPath
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A resource of a container.</summary>
public sealed record ResourceFieldSelector : Extensible
{
    public string ContainerName
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Resource
    {
        get;
        init => field = value ?? "";
    } = "";
    public JsonElement? Divisor { get; init; }
}

/// <summary>A key of a ConfigMap or Secret.</summary>
public sealed record KeySelector : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Key
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? Optional { get; init; }
}

/// <summary>All keys of a ConfigMap or Secret as environment variables.</summary>
public sealed record EnvFromSource : Extensible
{
    public string Prefix
    {
        get;
        init => field = value ?? "";
    } = "";
    public EnvFromReference? ConfigMapRef { get; init; }
    public EnvFromReference? SecretRef { get; init; }
}

/// <summary>A ConfigMap or Secret by name.</summary>
public sealed record EnvFromReference : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? Optional { get; init; }
}

/// <summary>Requests and limits. Quantities are kept as written, see <see cref="Quantity"/>.</summary>
public sealed record ResourceRequirements : Extensible
{
    public IReadOnlyDictionary<string, Quantity>? Limits { get; init; }
    public IReadOnlyDictionary<string, Quantity>? Requests { get; init; }
}

/// <summary>A mount of a volume in a container.</summary>
public sealed record VolumeMount : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? ReadOnly { get; init; }

    [RequiredField]
    public string MountPath
    {
        get;
        init => field = value ?? "";
    } = "";
    public string SubPath
    {
        get;
        init => field = value ?? "";
    } = "";
    public string MountPropagation
    {
        get;
        init => field = value ?? "";
    } = "";
    public string SubPathExpr
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A probe of a container; exactly one of the handlers is set.</summary>
public sealed record Probe : Extensible
{
    public ExecAction? Exec { get; init; }
    public HttpGetAction? HttpGet { get; init; }
    public TcpSocketAction? TcpSocket { get; init; }
    public GrpcAction? Grpc { get; init; }
    public int? InitialDelaySeconds { get; init; }
    public int? TimeoutSeconds { get; init; }
    public int? PeriodSeconds { get; init; }
    public int? SuccessThreshold { get; init; }
    public int? FailureThreshold { get; init; }
    public long? TerminationGracePeriodSeconds { get; init; }
}

/// <summary>Runs a command in the container.</summary>
public sealed record ExecAction : Extensible
{
    public IReadOnlyList<string> Command
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>Sends an HTTP GET.</summary>
public sealed record HttpGetAction : Extensible
{
    public string Path
    {
        get;
        init => field = value ?? "";
    } = "";
    public IntOrString? Port { get; init; }
    public string Host
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Scheme
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<HttpHeader> HttpHeaders
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A header of a probe.</summary>
public sealed record HttpHeader : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField, WrittenWhenEmpty]
    public string Value
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>Opens a TCP connection.</summary>
public sealed record TcpSocketAction : Extensible
{
    public IntOrString? Port { get; init; }
    public string Host
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>Calls the gRPC health service.</summary>
public sealed record GrpcAction : Extensible
{
    public int? Port { get; init; }

    [WrittenWhenEmpty]
    public string? Service { get; init; }
}

/// <summary>Lifecycle hooks of a container.</summary>
public sealed record Lifecycle : Extensible
{
    public LifecycleHandler? PostStart { get; init; }
    public LifecycleHandler? PreStop { get; init; }
}

/// <summary>One hook; exactly one of the handlers is set.</summary>
public sealed record LifecycleHandler : Extensible
{
    public ExecAction? Exec { get; init; }
    public HttpGetAction? HttpGet { get; init; }
    public TcpSocketAction? TcpSocket { get; init; }
    public SleepAction? Sleep { get; init; }
}

/// <summary>Sleeps.</summary>
public sealed record SleepAction : Extensible
{
    [RequiredField]
    public long Seconds { get; init; }
}

/// <summary>Security options of a container.</summary>
public sealed record SecurityContext : Extensible
{
    public Capabilities? Capabilities { get; init; }
    public bool? Privileged { get; init; }
    public long? RunAsUser { get; init; }
    public long? RunAsGroup { get; init; }
    public bool? RunAsNonRoot { get; init; }
    public bool? ReadOnlyRootFilesystem { get; init; }
    public bool? AllowPrivilegeEscalation { get; init; }
    public SeccompProfile? SeccompProfile { get; init; }
}

/// <summary>Linux capabilities to add and drop.</summary>
public sealed record Capabilities : Extensible
{
    public IReadOnlyList<string> Add
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>Null when not set; an empty list is a setting, although it is not written.</summary>
    public IReadOnlyList<string>? Drop { get; init; }
}

/// <summary>The seccomp profile of a container.</summary>
public sealed record SeccompProfile : Extensible
{
    [RequiredField]
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public string? LocalhostProfile { get; init; }
}

/// <summary>A volume of a pod; exactly one source is set. Sources that we do not inspect stay JSON.</summary>
public sealed record Volume : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public EmptyDirVolumeSource? EmptyDir { get; init; }
    public SecretVolumeSource? Secret { get; init; }
    public ConfigMapVolumeSource? ConfigMap { get; init; }
    public ProjectedVolumeSource? Projected { get; init; }
    public DownwardApiVolumeSource? DownwardAPI { get; init; }
    public PersistentVolumeClaimVolumeSource? PersistentVolumeClaim { get; init; }
    public JsonElement? HostPath { get; init; }
    public JsonElement? Csi { get; init; }
    public JsonElement? Ephemeral { get; init; }
    public JsonElement? Image { get; init; }
}

/// <summary>An empty directory that lives as long as the pod.</summary>
public sealed record EmptyDirVolumeSource : Extensible
{
    public string Medium
    {
        get;
        init => field = value ?? "";
    } = "";
    public Quantity? SizeLimit { get; init; }
}

/// <summary>The keys of a Secret as files.</summary>
public sealed record SecretVolumeSource : Extensible
{
    public string SecretName
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<KeyToPath> Items
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? DefaultMode { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>The keys of a ConfigMap as files.</summary>
public sealed record ConfigMapVolumeSource : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<KeyToPath> Items
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? DefaultMode { get; init; }
    public bool? Optional { get; init; }
}

/// <summary>Maps a key to a file.</summary>
public sealed record KeyToPath : Extensible
{
    [RequiredField]
    public string Key
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Path
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? Mode { get; init; }
}

/// <summary>Several sources in one directory.</summary>
public sealed record ProjectedVolumeSource : Extensible
{
    public IReadOnlyList<VolumeProjection> Sources
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? DefaultMode { get; init; }
}

/// <summary>One source of a projected volume; exactly one is set.</summary>
public sealed record VolumeProjection : Extensible
{
    public SecretProjection? Secret { get; init; }
    public SecretProjection? ConfigMap { get; init; }
    public DownwardApiProjection? DownwardAPI { get; init; }
    public ServiceAccountTokenProjection? ServiceAccountToken { get; init; }
}

/// <summary>A Secret or ConfigMap in a projected volume.</summary>
public sealed record SecretProjection : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<KeyToPath> Items
    {
        get;
        init => field = value ?? [];
    } = [];
    public bool? Optional { get; init; }
}

/// <summary>A service account token in a projected volume.</summary>
public sealed record ServiceAccountTokenProjection : Extensible
{
    public string Audience
    {
        get;
        init => field = value ?? "";
    } = "";
    public long? ExpirationSeconds { get; init; }

    [RequiredField]
    public string Path
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>Fields of the pod as files, in a projected volume, which sets their mode.</summary>
public sealed record DownwardApiProjection : Extensible
{
    public IReadOnlyList<DownwardApiVolumeFile> Items
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>Fields of the pod as files.</summary>
public sealed record DownwardApiVolumeSource : Extensible
{
    public IReadOnlyList<DownwardApiVolumeFile> Items
    {
        get;
        init => field = value ?? [];
    } = [];
    public int? DefaultMode { get; init; }
}

/// <summary>One field of the pod as a file.</summary>
public sealed record DownwardApiVolumeFile : Extensible
{
    [RequiredField]
    public string Path
    {
        get;
        init => field = value ?? "";
    } = "";
    public ObjectFieldSelector? FieldRef { get; init; }
    public ResourceFieldSelector? ResourceFieldRef { get; init; }
    public int? Mode { get; init; }
}

/// <summary>A reference to a persistent volume claim.</summary>
public sealed record PersistentVolumeClaimVolumeSource : Extensible
{
    [RequiredField]
    public string ClaimName
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? ReadOnly { get; init; }
}

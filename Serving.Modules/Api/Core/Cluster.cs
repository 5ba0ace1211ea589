namespace Serving.Api.Core;

/// <summary>Configuration data (core/v1 ConfigMap).</summary>
public sealed record ConfigMap : KubernetesObject
{
    public IReadOnlyDictionary<string, string> Data
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public IReadOnlyDictionary<string, byte[]>? BinaryData { get; init; }
    public bool? Immutable { get; init; }
}

/// <summary>Secret data (core/v1 Secret). Values are bytes, base64-encoded on the wire.</summary>
public sealed record Secret : KubernetesObject
{
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyDictionary<string, byte[]>? Data { get; init; }
    public IReadOnlyDictionary<string, string>? StringData { get; init; }
}

/// <summary>A namespace (core/v1 Namespace).</summary>
public sealed record Namespace : KubernetesObject
{
    public NamespaceSpec? Spec { get; init; }
    public NamespaceStatus? Status { get; init; }
}

/// <summary>The finalizers that delay the removal of a namespace.</summary>
public sealed record NamespaceSpec : Extensible
{
    public IReadOnlyList<string> Finalizers
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The phase of a namespace: <c>Active</c> or <c>Terminating</c>.</summary>
public sealed record NamespaceStatus : Extensible
{
    public string Phase
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A service account (core/v1 ServiceAccount).</summary>
public sealed record ServiceAccount : KubernetesObject
{
    public IReadOnlyList<ObjectReference> Secrets
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<LocalObjectReference> ImagePullSecrets
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The part of a node that we read (core/v1 Node).</summary>
public sealed record Node : KubernetesObject;

/// <summary>A Lease (coordination.k8s.io/v1).</summary>
public sealed record Lease : KubernetesObject
{
    public LeaseSpec? Spec { get; init; }
}

/// <summary>The holder of a Lease, its times and duration. Times have microsecond precision on the wire.</summary>
public sealed record LeaseSpec : Extensible
{
    public string? HolderIdentity { get; init; }

    /// <summary>Seconds that a candidate waits, by its own clock, after it observed the last renewal.</summary>
    public int? LeaseDurationSeconds { get; init; }

    [System.Text.Json.Serialization.JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? AcquireTime { get; init; }

    [System.Text.Json.Serialization.JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? RenewTime { get; init; }
    public int? LeaseTransitions { get; init; }
}

/// <summary>An event (core/v1 Event).</summary>
public sealed record Event : KubernetesObject
{
    public ObjectReference? InvolvedObject { get; init; }
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
    public EventSource? Source { get; init; }
    public DateTimeOffset? FirstTimestamp { get; init; }
    public DateTimeOffset? LastTimestamp { get; init; }
    public int? Count { get; init; }
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ReportingComponent
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ReportingInstance
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The component that reports an event.</summary>
public sealed record EventSource : Extensible
{
    public string Component
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Host
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A validating or mutating webhook configuration (admissionregistration.k8s.io/v1): we own only the CA bundle and the
/// rules.</summary>
public sealed record WebhookConfiguration : KubernetesObject
{
    public IReadOnlyList<System.Text.Json.JsonElement> Webhooks
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A custom resource definition (apiextensions.k8s.io/v1); the specification stays JSON.</summary>
public sealed record CustomResourceDefinition : KubernetesObject
{
    public System.Text.Json.JsonElement? Spec { get; init; }
    public System.Text.Json.JsonElement? Status { get; init; }
}

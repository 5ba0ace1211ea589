namespace Serving.Api.Core;

/// <summary>Configuration data (core/v1 ConfigMap).</summary>
public sealed record ConfigMap : KubernetesObject
{
    public IReadOnlyDictionary<string, string> Data { get; init => field = value ?? Empty.Map; } = Empty.Map;
    public IReadOnlyDictionary<string, byte[]>? BinaryData { get; init; }
    public bool? Immutable { get; init; }
}

/// <summary>Secret data (core/v1 Secret). Values are bytes; the wire has them in base64.</summary>
public sealed record Secret : KubernetesObject
{
    public string Type { get; init => field = value ?? ""; } = "";
    public IReadOnlyDictionary<string, byte[]>? Data { get; init; }
    public IReadOnlyDictionary<string, string>? StringData { get; init; }
}

/// <summary>A namespace (core/v1 Namespace).</summary>
public sealed record Namespace : KubernetesObject
{
    public NamespaceSpec? Spec { get; init; }
    public NamespaceStatus? Status { get; init; }
}

/// <summary>What holds a namespace back from being removed.</summary>
public sealed record NamespaceSpec : Extensible
{
    public IReadOnlyList<string> Finalizers { get; init => field = value ?? []; } = [];
}

/// <summary>The phase of a namespace: <c>Active</c> or <c>Terminating</c>.</summary>
public sealed record NamespaceStatus : Extensible
{
    public string Phase { get; init => field = value ?? ""; } = "";
    public IReadOnlyList<Condition> Conditions { get; init => field = value ?? []; } = [];
}

/// <summary>An identity of pods (core/v1 ServiceAccount).</summary>
public sealed record ServiceAccount : KubernetesObject
{
    public IReadOnlyList<ObjectReference> Secrets { get; init => field = value ?? []; } = [];
    public IReadOnlyList<LocalObjectReference> ImagePullSecrets { get; init => field = value ?? []; } = [];
}

/// <summary>A node, as far as we read it (core/v1 Node).</summary>
public sealed record Node : KubernetesObject;

/// <summary>A lock with a holder and a duration (coordination.k8s.io/v1 Lease).</summary>
public sealed record Lease : KubernetesObject
{
    public LeaseSpec? Spec { get; init; }
}

/// <summary>Who holds a Lease, since when and for how long. Times have microsecond precision on the wire.</summary>
public sealed record LeaseSpec : Extensible
{
    public string? HolderIdentity { get; init; }

    /// <summary>Seconds a candidate waits, measured by its own clock since it saw the last renewal.</summary>
    public int? LeaseDurationSeconds { get; init; }

    [System.Text.Json.Serialization.JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? AcquireTime { get; init; }

    [System.Text.Json.Serialization.JsonConverter(typeof(MicroTimeConverter))]
    public DateTimeOffset? RenewTime { get; init; }
    public int? LeaseTransitions { get; init; }
}

/// <summary>Something that happened to an object, for people (core/v1 Event).</summary>
public sealed record Event : KubernetesObject
{
    public ObjectReference? InvolvedObject { get; init; }
    public string Reason { get; init => field = value ?? ""; } = "";
    public string Message { get; init => field = value ?? ""; } = "";
    public EventSource? Source { get; init; }
    public DateTimeOffset? FirstTimestamp { get; init; }
    public DateTimeOffset? LastTimestamp { get; init; }
    public int? Count { get; init; }
    public string Type { get; init => field = value ?? ""; } = "";
    public string ReportingComponent { get; init => field = value ?? ""; } = "";
    public string ReportingInstance { get; init => field = value ?? ""; } = "";
}

/// <summary>The component an event comes from.</summary>
public sealed record EventSource : Extensible
{
    public string Component { get; init => field = value ?? ""; } = "";
    public string Host { get; init => field = value ?? ""; } = "";
}

/// <summary>A webhook configuration (admissionregistration.k8s.io/v1), validating or mutating: we own only the CA bundle and the rules.</summary>
public sealed record WebhookConfiguration : KubernetesObject
{
    public IReadOnlyList<System.Text.Json.JsonElement> Webhooks { get; init => field = value ?? []; } = [];
}

/// <summary>A custom resource definition (apiextensions.k8s.io/v1); the specification stays JSON.</summary>
public sealed record CustomResourceDefinition : KubernetesObject
{
    public System.Text.Json.JsonElement? Spec { get; init; }
    public System.Text.Json.JsonElement? Status { get; init; }
}

using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-deployment: how the Deployment of a Revision is created.</summary>
public sealed record DeploymentConfig
{
    /// <summary>The defaults. The sidecar image has none, so they are not enough to create a Deployment.</summary>
    public static DeploymentConfig Default { get; } = new();

    /// <summary>The image of the queue-proxy; required.</summary>
    public string QueueSidecarImage { get; init; } = "";

    /// <summary>Registries whose tags are not resolved to digests.</summary>
    public IReadOnlySet<string> RegistriesSkippingTagResolving { get; init; } =
        new HashSet<string>(StringComparer.Ordinal) { "kind.local", "ko.local", "dev.local" };

    public TimeSpan DigestResolutionTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Whole seconds.</summary>
    public TimeSpan ProgressDeadline { get; init; } = TimeSpan.FromSeconds(600);

    public Quantity? QueueSidecarCpuRequest { get; init; } = new Quantity("25m");
    public Quantity? QueueSidecarCpuLimit { get; init; }
    public Quantity? QueueSidecarMemoryRequest { get; init; }
    public Quantity? QueueSidecarMemoryLimit { get; init; }
    public Quantity? QueueSidecarEphemeralStorageRequest { get; init; }
    public Quantity? QueueSidecarEphemeralStorageLimit { get; init; }

    /// <summary>Audiences of the tokens projected into the sidecar.</summary>
    public IReadOnlySet<string> QueueSidecarTokenAudiences { get; init; } = new HashSet<string>(StringComparer.Ordinal);

    /// <summary>Certificate authorities trusted by the sidecar, in PEM.</summary>
    public string QueueSidecarRootCa { get; init; } = "";
    public string QueueSidecarTlsMinVersion { get; init; } = "";
    public string QueueSidecarTlsMaxVersion { get; init; } = "";
    public string QueueSidecarTlsCipherSuites { get; init; } = "";
    public string QueueSidecarTlsCurvePreferences { get; init; } = "";

    public DefaultAffinityType DefaultAffinityType { get; init; } = DefaultAffinityType.PreferSpreadRevisionOverNodes;

    /// <summary>Runtime class → labels that a Revision must have (none: matches all).</summary>
    public IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> RuntimeClassNames { get; init; } =
        new Dictionary<string, IReadOnlyDictionary<string, string>>(0);

    /// <summary>Whether an unschedulable pod is expected to become schedulable and therefore not an error.</summary>
    public bool PodIsAlwaysSchedulable { get; init; }

    /// <summary>The runtime class with the most specific selector that matches <paramref name="labels"/>, or null.</summary>
    public string? PodRuntimeClassName(IReadOnlyDictionary<string, string> labels) => SpecificSelector.Choose(RuntimeClassNames, labels);
}

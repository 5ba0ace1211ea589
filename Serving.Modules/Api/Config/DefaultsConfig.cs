using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-defaults: what a Revision gets when its specification leaves it out.</summary>
public sealed record DefaultsConfig
{
    /// <summary>The values when nothing is configured.</summary>
    public static DefaultsConfig Default { get; } = new();

    public long RevisionTimeoutSeconds { get; init; } = 300;
    public long MaxRevisionTimeoutSeconds { get; init; } = 600;
    public long RevisionResponseStartTimeoutSeconds { get; init; } = 300;

    /// <summary>0 is no limit.</summary>
    public long RevisionIdleTimeoutSeconds { get; init; }
    public Quantity? RevisionCpuRequest { get; init; }
    public Quantity? RevisionMemoryRequest { get; init; }
    public Quantity? RevisionEphemeralStorageRequest { get; init; }
    public Quantity? RevisionCpuLimit { get; init; }
    public Quantity? RevisionMemoryLimit { get; init; }
    public Quantity? RevisionEphemeralStorageLimit { get; init; }

    /// <summary>The template's text; <see cref="UserContainerName"/> applies it.</summary>
    public string ContainerNameTemplate { get; init; } = "user-container";

    /// <summary>The template's text; <see cref="InitContainerName"/> applies it.</summary>
    public string InitContainerNameTemplate { get; init; } = "init-container";

    /// <summary>Names a container of the parent object (the Service, Configuration or Revision). Empty when the template does not apply to it.</summary>
    public Func<ObjectMeta, string> UserContainerName { get; init; } = static _ => "user-container";

    /// <summary>Names an init container of the parent object. Empty when the template does not apply to it.</summary>
    public Func<ObjectMeta, string> InitContainerName { get; init; } = static _ => "init-container";

    /// <summary>0 is no limit.</summary>
    public long ContainerConcurrency { get; init; }
    public long ContainerConcurrencyMaxLimit { get; init; } = 1000;
    public bool AllowContainerConcurrencyZero { get; init; } = true;

    /// <summary>Null (written <c>default</c>) leaves the field to Kubernetes.</summary>
    public bool? EnableServiceLinks { get; init; } = false;
}

using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-defaults: the defaults of a Revision's specification.</summary>
public sealed record DefaultsConfig
{
    /// <summary>The defaults.</summary>
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

    /// <summary>The template text; applied by <see cref="UserContainerName"/>.</summary>
    public string ContainerNameTemplate { get; init; } = "user-container";

    /// <summary>The template text; applied by <see cref="InitContainerName"/>.</summary>
    public string InitContainerNameTemplate { get; init; } = "init-container";

    /// <summary>The container name for a parent object (the Service, Configuration or Revision). Empty when the template cannot be applied
    /// to it.</summary>
    public Func<ObjectMeta, string> UserContainerName { get; init; } = static _ => "user-container";

    /// <summary>The init container name for a parent object. Empty when the template cannot be applied to it.</summary>
    public Func<ObjectMeta, string> InitContainerName { get; init; } = static _ => "init-container";

    /// <summary>0 is no limit.</summary>
    public long ContainerConcurrency { get; init; }
    public long ContainerConcurrencyMaxLimit { get; init; } = 1000;
    public bool AllowContainerConcurrencyZero { get; init; } = true;

    /// <summary>Null (<c>default</c>) leaves the field to Kubernetes.</summary>
    public bool? EnableServiceLinks { get; init; } = false;
}

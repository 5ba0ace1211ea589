using Serving.Api.Core;

namespace Serving.Api.Config;

/// <summary>config-reserve: how revisions are scaled beyond what Knative does. Defaults for the pods that an idle revision keeps
/// parked, where no pod is parked unless a revision asks for it, and which pods a scale-down removes.</summary>
public sealed record ReserveConfig
{
    /// <summary>The longest time before parking.</summary>
    public static readonly TimeSpan LongestAfter = TimeSpan.FromHours(24);

    /// <summary>The defaults.</summary>
    public static ReserveConfig Default { get; } = new();

    /// <summary>The number of parked pods of an idle revision; 0 is none.</summary>
    public int Scale { get; init; }

    /// <summary>The most CPU that a container of a parked pod requests; null leaves CPU alone.</summary>
    public Quantity? Cpu { get; init; } = new Quantity("10m");

    /// <summary>The most memory that a container of a parked pod requests; null leaves memory alone.</summary>
    public Quantity? Memory { get; init; }

    /// <summary>The time without requests after which pods are parked, up to <see cref="LongestAfter"/>; null is the stable
    /// window.</summary>
    public TimeSpan? After { get; init; }

    /// <summary>Whether a revision that gets fewer pods loses the least busy ones.</summary>
    public bool SparesBusyPods { get; init; } = true;

    /// <summary>Whether images of revisions are pulled on nodes before a pod needs them.</summary>
    public bool PullsImages { get; init; }
}

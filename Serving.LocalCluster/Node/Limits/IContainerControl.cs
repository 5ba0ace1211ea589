using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>Applies the limits of one container to its processes.</summary>
internal interface IContainerControl
{
    /// <summary>Sets the limits, before the first process and at a resize; running processes are not restarted. Throws an
    /// <see cref="IOException"/> when the machine refuses.</summary>
    void Apply(ContainerLimits limits);

    /// <summary>The specification of a process of the container, so that it starts under the limits.</summary>
    ProcessSpec Place(ProcessSpec spec);

    /// <summary>A process of the container has started.</summary>
    /// <param name="group">Its process group.</param>
    void Started(int group);

    /// <summary>The memory in use by the container, in bytes.</summary>
    long MemoryInUse { get; }

    /// <summary>How many of its processes the kernel has killed because the container exceeded its memory limit.</summary>
    long MemoryKills { get; }

    /// <summary>Removes what was created; no process of the container is left.</summary>
    Task RemoveAsync();
}

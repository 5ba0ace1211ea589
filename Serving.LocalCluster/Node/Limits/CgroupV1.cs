using Microsoft.Extensions.Logging;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>Cgroups of version 1: a hierarchy for CPU and one for memory, below this process's own cgroups. Only root may create
/// them, unless they were handed over.</summary>
internal sealed class CgroupV1 : Cgroup
{
    private readonly bool _limitsMemory;

    private CgroupV1(IReadOnlyList<string> directories, ILogger logger)
        : base(directories, logger) => _limitsMemory = directories.Count > 1;

    public override string Description => $"{(_limitsMemory ? "CPU and memory" : "CPU")} limits by cgroups (version 1)";

    /// <summary>Opens the hierarchies; null without one for CPU.</summary>
    public static IResourceControl? Open(string root, ILogger logger)
    {
        if (Own(root, "cpu") is not { } cpu || !File.Exists(Path.Combine(cpu, "cpu.cfs_quota_us")))
        {
            return null;
        }

        var directories = new List<string> { Create(cpu) };
        Set(directories[0], "cpu.shares", Weight * 1024);
        try
        {
            if (Own(root, "memory") is { } memory)
            {
                directories.Add(Create(memory));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            logger.LogDebug(e, "Memory limits are not enforced");
        }

        return new CgroupV1(directories, logger);
    }

    protected override void Write(IReadOnlyList<string> directories, ContainerLimits limits)
    {
        Set(directories[0], "cpu.cfs_period_us", Period);
        Set(directories[0], "cpu.cfs_quota_us", limits.Cpu is { } cores ? Quota(cores) : -1);
        if (_limitsMemory)
        {
            Set(directories[1], "memory.limit_in_bytes", limits.Memory ?? -1);
        }
    }

    protected override long? MemoryInUse(IReadOnlyList<string> directories) =>
        _limitsMemory ? Get(directories[1], "memory.usage_in_bytes") : null;

    protected override long MemoryKills(IReadOnlyList<string> directories) =>
        _limitsMemory ? Get(directories[1], "memory.oom_control", "oom_kill") : 0;

    // In a container the hierarchy may be mounted from this process's own cgroup on.
    private static string? Own(string root, string controller)
    {
        var mount = Path.Combine(root, controller);
        var own = Path.Combine(mount, ResourceControl.OwnPath(controller).TrimStart('/'));
        return Directory.Exists(own) ? own
            : Directory.Exists(mount) ? mount
            : null;
    }
}

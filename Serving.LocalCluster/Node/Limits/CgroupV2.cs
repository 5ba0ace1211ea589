using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>
/// Cgroups of version 2: at the root of the hierarchy as root, else in this process's own cgroup when it is delegated to this user and has
/// no other processes, as below <c>systemd-run --user --scope -p Delegate=yes</c>.
/// </summary>
internal sealed class CgroupV2 : Cgroup
{
    private const string Procs = "cgroup.procs";
    private readonly bool _limitsMemory;

    private CgroupV2(string directory, bool limitsMemory, ILogger logger)
        : base([directory], logger) => _limitsMemory = limitsMemory;

    public override string Description => $"{(_limitsMemory ? "CPU and memory" : "CPU")} limits by cgroups (version 2)";

    /// <summary>Opens the hierarchy; null when it is not of version 2 or has no CPU controller.</summary>
    public static IResourceControl? Open(string root, ILogger logger)
    {
        if (!Controllers(root, "cgroup.controllers").Contains("cpu"))
        {
            return null;
        }

        var own = Path.Combine(root, ResourceControl.OwnPath("").TrimStart('/'));
        foreach (var parent in (string[])[root, own])
        {
            try
            {
                var controllers = Controllers(parent, "cgroup.controllers").Intersect(["cpu", "memory"]).ToList();
                if (!controllers.Contains("cpu"))
                {
                    continue;
                }

                Delegate(parent, controllers, isOwn: parent == own);
                var directory = Create(parent);
                Set(directory, "cpu.weight", Weight * 100);
                Delegate(directory, controllers, isOwn: false);
                return new CgroupV2(directory, controllers.Contains("memory"), logger);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                logger.LogDebug(e, "The cgroup {Directory} cannot have cgroups for containers", parent);
            }
        }

        return null;
    }

    protected override void Write(IReadOnlyList<string> directories, ContainerLimits limits)
    {
        var quota = limits.Cpu is { } cores ? Quota(cores).ToString(CultureInfo.InvariantCulture) : "max";
        Set(directories[0], "cpu.max", string.Create(CultureInfo.InvariantCulture, $"{quota} {Period}"));
        if (_limitsMemory)
        {
            Set(directories[0], "memory.max", limits.Memory?.ToString(CultureInfo.InvariantCulture) ?? "max");
        }
    }

    protected override long? MemoryInUse(IReadOnlyList<string> directories) => _limitsMemory ? Get(directories[0], "memory.current") : null;

    protected override long MemoryKills(IReadOnlyList<string> directories) =>
        _limitsMemory ? Get(directories[0], "memory.events", "oom_kill") : 0;

    // Lets the children of a cgroup have limits. Below the root, a cgroup with such children may have no processes.
    private static void Delegate(string directory, IReadOnlyList<string> controllers, bool isOwn)
    {
        var missing = controllers.Except(Controllers(directory, "cgroup.subtree_control")).ToList();
        if (missing.Count == 0)
        {
            return;
        }

        var change = string.Join(' ', missing.Select(c => "+" + c));
        try
        {
            Set(directory, "cgroup.subtree_control", change);
        }
        catch (IOException) when (isOwn && IsOnlyOurs(directory))
        {
            var leaf = Directory.CreateDirectory(Path.Combine(directory, "serving-host")).FullName;
            Set(leaf, Procs, Environment.ProcessId);
            Set(directory, "cgroup.subtree_control", change);
        }
    }

    private static bool IsOnlyOurs(string directory) =>
        File.ReadLines(Path.Combine(directory, Procs)).All(p => p == Environment.ProcessId.ToString(CultureInfo.InvariantCulture));

    private static string[] Controllers(string directory, string file) =>
        File.Exists(Path.Combine(directory, file))
            ? File.ReadAllText(Path.Combine(directory, file)).Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            : [];
}

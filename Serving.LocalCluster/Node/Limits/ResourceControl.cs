using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>
/// Chooses the best control of this machine: a cgroup per container (version 2, else version 1) where this user may create one, else the
/// priority of the processes where this user may also raise it again, else none.
/// </summary>
internal static class ResourceControl
{
    private const int NiceCapability = 23;

    /// <param name="cgroups">Where cgroups are mounted, such as <c>/sys/fs/cgroup</c>.</param>
    /// <param name="logger">Gets the reasons why a control is not usable.</param>
    public static IResourceControl Choose(string cgroups, ILogger logger)
    {
        foreach (var open in (Func<string, ILogger, IResourceControl?>[])[CgroupV2.Open, CgroupV1.Open])
        {
            try
            {
                if (open(cgroups, logger) is { } control)
                {
                    return control;
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                logger.LogDebug(e, "Cannot create a cgroup below {Directory}", cgroups);
            }
        }

        return new PriorityControl(MaySetPriority(), File.Exists(PriorityControl.AutogroupOf("self")));
    }

    /// <summary>This process's own cgroup in a hierarchy.</summary>
    /// <param name="controller">A controller of version 1, or empty for version 2.</param>
    public static string OwnPath(string controller)
    {
        foreach (var line in File.ReadLines("/proc/self/cgroup"))
        {
            if (line.Split(':', 3) is [_, var controllers, var path] && controllers.Split(',').Contains(controller))
            {
                return path;
            }
        }

        return "/";
    }

    // To undo a lower priority takes CAP_SYS_NICE, or a resource limit (20 - n permits the nice value n).
    private static bool MaySetPriority()
    {
        if (
            File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("CapEff:", StringComparison.Ordinal)) is { } capabilities
            && (long.Parse(capabilities.AsSpan(7).Trim(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) >> NiceCapability & 1) == 1
        )
        {
            return true;
        }

        const string name = "Max nice priority";
        var limit = File.ReadLines("/proc/self/limits").FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal));
        var soft = limit?[name.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
        return soft == "unlimited" || (int.TryParse(soft, CultureInfo.InvariantCulture, out var value) && value >= 20);
    }
}

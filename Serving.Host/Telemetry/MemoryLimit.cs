using System.Globalization;

namespace Serving.Host.Telemetry;

/// <summary>How much memory the process may use before the kernel ends it: the limit of its container, else the memory of the
/// machine.</summary>
internal static class MemoryLimit
{
    /// <summary>The limit of the container, of control groups version 2 and 1.</summary>
    private static readonly string[] Files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

    /// <summary>The limit in bytes.</summary>
    public static long Read() => Read(Files) ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;

    /// <summary>The limit in the first file that has one; null without a limit, which is the word <c>max</c>, or more than any machine
    /// has.</summary>
    internal static long? Read(IEnumerable<string> files)
    {
        const long Unlimited = 1L << 60;
        foreach (var file in files.Where(File.Exists))
        {
            if (
                long.TryParse(File.ReadAllText(file).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var limit)
                && limit is > 0 and < Unlimited
            )
            {
                return limit;
            }
        }

        return null;
    }
}

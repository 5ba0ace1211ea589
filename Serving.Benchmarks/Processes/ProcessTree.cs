using System.Globalization;

namespace Serving.Benchmarks.Processes;

/// <summary>A process with its children, as nginx is one.</summary>
internal static class ProcessTree
{
    /// <summary>The CPU time of the process and of the children that run.</summary>
    public static TimeSpan Cpu(int root) => TimeSpan.FromTicks(Members(root).Sum(static id => ProcessCpu.Of(id).Ticks));

    /// <summary>The resident memory of the process and its children in MiB; pages that they share count in each.</summary>
    public static double ResidentMebibytes(int root) =>
        Members(root)
            .Sum(static id =>
            {
                using var process = System.Diagnostics.Process.GetProcessById(id);
                return process.WorkingSet64 / 1048576.0;
            });

    private static IEnumerable<int> Members(int root)
    {
        yield return root;
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (
                int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && ParentOf(id) == root
            )
                yield return id;
        }
    }

    // The name of the program is in parentheses and may contain anything; the state and the parent follow it.
    private static int ParentOf(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id}/stat");
            return int.Parse(text[(text.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            // It has ended since it was listed.
            return 0;
        }
    }
}

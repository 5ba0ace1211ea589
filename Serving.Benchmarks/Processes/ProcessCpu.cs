using System.Globalization;

namespace Serving.Benchmarks.Processes;

/// <summary>Reads processes from <c>/proc</c>.</summary>
internal static class ProcessCpu
{
    /// <summary>CPU time used by a process so far.</summary>
    public static TimeSpan Of(int process)
    {
        using var running = System.Diagnostics.Process.GetProcessById(process);
        return running.TotalProcessorTime;
    }

    /// <summary>The running sidecars of a revision, with the telemetry that they are configured for.</summary>
    public static IReadOnlyList<(int Process, string Configuration)> Sidecars(string revision) =>
        [
            .. Variables(revision)
                .Select(static one => (one.Process, Configuration: Value(one.Variables, "OBSERVABILITY_CONFIG")))
                .Where(static one => one.Configuration is not null)
                .Select(static one => (one.Process, one.Configuration!)),
        ];

    /// <summary>The port of the program in the only pod of a revision.</summary>
    /// <exception cref="InvalidOperationException">There is no such pod on this machine.</exception>
    public static int UserPort(string revision) =>
        Variables(revision).Select(static one => Value(one.Variables, "USER_PORT")).FirstOrDefault(static port => port is not null)
            is { } port
            ? int.Parse(port, CultureInfo.InvariantCulture)
            : throw new InvalidOperationException($"Revision {revision} has no sidecar on this machine.");

    private static string? Value(string[] variables, string name) =>
        Array.Find(variables, one => one.StartsWith(name + "=", StringComparison.Ordinal))?[(name.Length + 1)..];

    /// <summary>The variables of the processes that belong to a revision.</summary>
    private static IEnumerable<(int Process, string[] Variables)> Variables(string revision)
    {
        foreach (var directory in Directory.EnumerateDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(directory), NumberStyles.None, CultureInfo.InvariantCulture, out var process))
                continue;
            string[] variables;
            try
            {
                variables = File.ReadAllText(Path.Combine(directory, "environ")).Split('\0');
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                // It has ended, or is of another user.
                continue;
            }

            if (variables.Contains($"SERVING_REVISION={revision}"))
                yield return (process, variables);
        }
    }
}

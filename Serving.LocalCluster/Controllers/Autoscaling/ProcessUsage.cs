using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>
/// Measures the resource usage of this machine's pods by their processes in <c>/proc</c>: the environment of each process has the directory
/// of its pod, which ends in the pod's uid. It scans at most once per <see cref="Resolution"/>, so that all callers in between see the same
/// values.
/// </summary>
internal sealed class ProcessUsage(TimeProvider time, string proc = "/proc")
{
    /// <summary>How long a scan is valid.</summary>
    public static readonly TimeSpan Resolution = TimeSpan.FromSeconds(5);

    // USER_HZ: the kernel's unit of CPU time in /proc, on every architecture.
    private const decimal TicksPerSecond = 100;
    private const int UserTimeField = 11;
    private const int SystemTimeField = 12;
    private const int ResidentField = 21;

    private static readonly byte[] PodVariable = "TERMINATION_MESSAGE_PATH="u8.ToArray();

    private readonly Lock _gate = new();
    private Look? _before;
    private Look? _last;

    /// <summary>The usage of a pod; null until two scans have seen it.</summary>
    public PodUsage? Of(string uid)
    {
        lock (_gate)
        {
            if (_last is null || time.GetElapsedTime(_last.Timestamp) >= Resolution)
            {
                (_before, _last) = (_last, Take());
            }

            if (_before is null || !_before.Pods.TryGetValue(uid, out var earlier) || !_last.Pods.TryGetValue(uid, out var now))
            {
                return null;
            }

            // The CPU time of ended processes is lost, so the difference may be negative.
            var seconds = (decimal)time.GetElapsedTime(_before.Timestamp, _last.Timestamp).TotalSeconds;
            return new(Math.Max(now.Ticks - earlier.Ticks, 0) / TicksPerSecond / seconds, now.Bytes);
        }
    }

    private Look Take()
    {
        var pods = new Dictionary<string, (long Ticks, long Bytes)>(StringComparer.Ordinal);
        foreach (var directory in Directory.EnumerateDirectories(proc).Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            try
            {
                if (PodOf(File.ReadAllBytes(Path.Combine(directory, "environ"))) is { } uid)
                {
                    var (ticks, bytes) = Read(File.ReadAllText(Path.Combine(directory, "stat")));
                    var sum = pods.GetValueOrDefault(uid);
                    pods[uid] = (sum.Ticks + ticks, sum.Bytes + bytes);
                }
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The process has ended, or belongs to another user and so to no pod.
                continue;
            }
        }

        return new(time.GetTimestamp(), pods);
    }

    private static string? PodOf(ReadOnlySpan<byte> environment)
    {
        while (!environment.IsEmpty)
        {
            var end = environment.IndexOf((byte)0);
            var variable = end < 0 ? environment : environment[..end];
            if (variable.StartsWith(PodVariable))
            {
                // …/pods/NAMESPACE_NAME_UID/CONTAINER/termination-log
                return Encoding.UTF8.GetString(variable).Split('/') is [.., var pod, _, _] ? pod[(pod.LastIndexOf('_') + 1)..] : null;
            }

            environment = end < 0 ? default : environment[(end + 1)..];
        }

        return null;
    }

    // After the program's name, which is in parentheses and may contain anything.
    private static (long Ticks, long Bytes) Read(string stat)
    {
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Number(UserTimeField) + Number(SystemTimeField), Number(ResidentField) * Environment.SystemPageSize);

        long Number(int field) => long.Parse(fields[field], CultureInfo.InvariantCulture);
    }

    private sealed record Look(long Timestamp, IReadOnlyDictionary<string, (long Ticks, long Bytes)> Pods);
}

using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Controllers.Autoscaling;

/// <summary>
/// What the pods of this machine use, by their processes in <c>/proc</c>: each has in its environment the directory of its pod, which ends in the pod's uid. It looks
/// at most once in <see cref="Resolution"/>, so that everything that asks meanwhile sees the same.
/// </summary>
internal sealed class ProcessUsage(TimeProvider time, string proc = "/proc")
{
    /// <summary>How long a look is good for.</summary>
    public static readonly TimeSpan Resolution = TimeSpan.FromSeconds(5);

    // What the kernel counts CPU in for programs, on every architecture.
    private const decimal TicksPerSecond = 100;
    private const int UserTimeField = 11;
    private const int SystemTimeField = 12;
    private const int ResidentField = 21;

    private static readonly byte[] PodVariable = "TERMINATION_MESSAGE_PATH="u8.ToArray();

    private readonly Lock gate = new();
    private Look? before;
    private Look? last;

    /// <summary>What a pod uses; null while it was not seen twice.</summary>
    public PodUsage? Of(string uid)
    {
        lock (gate)
        {
            if (last is null || time.GetElapsedTime(last.Timestamp) >= Resolution)
            {
                (before, last) = (last, Take());
            }

            if (before is null || !before.Pods.TryGetValue(uid, out var earlier) || !last.Pods.TryGetValue(uid, out var now))
            {
                return null;
            }

            // A process that ended took its time along.
            var seconds = (decimal)time.GetElapsedTime(before.Timestamp, last.Timestamp).TotalSeconds;
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
                // It has ended, or is another user's and so no pod's.
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

    // After the program's name, which is in brackets and may hold anything.
    private static (long Ticks, long Bytes) Read(string stat)
    {
        var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (Number(UserTimeField) + Number(SystemTimeField), Number(ResidentField) * Environment.SystemPageSize);

        long Number(int field) => long.Parse(fields[field], CultureInfo.InvariantCulture);
    }

    private sealed record Look(long Timestamp, IReadOnlyDictionary<string, (long Ticks, long Bytes)> Pods);
}

using System.Globalization;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>The process group of a container's current process.</summary>
internal sealed class ProcessGroup
{
    private const int GroupField = 2;
    private const int ResidentField = 21;
    private int _current;

    /// <summary>The group; null before the first process.</summary>
    public int? Current => Volatile.Read(ref _current) is > 0 and var group ? group : null;

    /// <summary>The resident memory of all processes of the group, in bytes; 0 when it has ended.</summary>
    public long MemoryInUse =>
        Stats().Sum(stat => long.Parse(stat[ResidentField], CultureInfo.InvariantCulture)) * Environment.SystemPageSize;

    /// <summary>The ids of the processes of the group.</summary>
    public IReadOnlyList<int> Members() => [.. Stats().Select(stat => int.Parse(stat[^1], CultureInfo.InvariantCulture))];

    /// <summary>A process has started.</summary>
    public void Replace(int group) => Volatile.Write(ref _current, group);

    // The fields of /proc/ID/stat after the name, and the id, of each process of the group.
    private IEnumerable<string[]> Stats()
    {
        if (Current is not { } group)
        {
            yield break;
        }

        foreach (var directory in Directory.EnumerateDirectories("/proc").Where(path => char.IsAsciiDigit(Path.GetFileName(path)[0])))
        {
            string stat;
            try
            {
                stat = File.ReadAllText(Path.Combine(directory, "stat"));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // The process has ended.
                continue;
            }

            // After the program's name, which is in parentheses and may contain anything.
            string[] fields = [.. stat[(stat.LastIndexOf(')') + 2)..].Split(' '), Path.GetFileName(directory)];
            if (int.Parse(fields[GroupField], CultureInfo.InvariantCulture) == group)
            {
                yield return fields;
            }
        }
    }
}

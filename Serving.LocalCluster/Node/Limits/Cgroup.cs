using System.Globalization;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Limits;

/// <summary>
/// A cgroup per container that has limits, below one of this node. They hold for all processes of the container together and are changed
/// while these run. Containers without limits are left where they are: a cgroup also divides the processor, and its processes together
/// would count as one. Cgroups of nodes that were killed are removed at the next start.
/// </summary>
internal abstract class Cgroup : IResourceControl
{
    /// <summary>The period in which a CPU quota is counted, in microseconds.</summary>
    protected const long Period = 100_000;

    /// <summary>The weight of all containers with limits together, as a multiple of the default: the quotas bound them, so the weight
    /// need not.</summary>
    protected const int Weight = 16;

    // The kernel refuses less.
    private const long SmallestQuota = 1_000;
    private const string Prefix = "serving-local-";
    private const int RemovalAttempts = 20;
    private static int _count;

    private readonly ILogger _logger;

    /// <param name="hierarchies">The directories of this node, one per hierarchy, created by <see cref="Create"/>.</param>
    /// <param name="logger">Gets what could not be removed.</param>
    protected Cgroup(IReadOnlyList<string> hierarchies, ILogger logger) => (Hierarchies, _logger) = (hierarchies, logger);

    public abstract string Description { get; }

    /// <summary>The directories of this node.</summary>
    protected IReadOnlyList<string> Hierarchies { get; }

    public IContainerControl For(string name) => new Container(this, [.. Hierarchies.Select(h => Path.Combine(h, name))]);

    public void Dispose()
    {
        foreach (var directory in Hierarchies)
        {
            BackgroundFailure.Watch($"Removing {directory}", RemoveTreeAsync(directory));
        }
    }

    /// <summary>Writes the limits to a container's directories.</summary>
    protected abstract void Write(IReadOnlyList<string> directories, ContainerLimits limits);

    /// <summary>The memory in use; null when this hierarchy does not count it.</summary>
    protected abstract long? MemoryInUse(IReadOnlyList<string> directories);

    /// <summary>How many processes exceeded the memory limit; 0 when this hierarchy does not count it.</summary>
    protected abstract long MemoryKills(IReadOnlyList<string> directories);

    /// <summary>The CPU time of a limit per <see cref="Period"/>, in microseconds.</summary>
    protected static long Quota(decimal cores) => Math.Max((long)(cores * Period), SmallestQuota);

    /// <summary>Writes a control file.</summary>
    protected static void Set(string directory, string file, string value) => File.WriteAllText(Path.Combine(directory, file), value);

    /// <summary>Writes a number to a control file.</summary>
    protected static void Set(string directory, string file, long value) =>
        Set(directory, file, value.ToString(CultureInfo.InvariantCulture));

    /// <summary>Reads a number from a control file.</summary>
    protected static long Get(string directory, string file) =>
        long.Parse(File.ReadAllText(Path.Combine(directory, file)), CultureInfo.InvariantCulture);

    /// <summary>Reads one line, <c>NAME NUMBER</c>, of a control file; 0 on a kernel that does not have it.</summary>
    protected static long Get(string directory, string file, string name) =>
        File.ReadLines(Path.Combine(directory, file)).FirstOrDefault(line => line.StartsWith(name + ' ', StringComparison.Ordinal))
            is { } found
            ? long.Parse(found.AsSpan(name.Length + 1), CultureInfo.InvariantCulture)
            : 0;

    /// <summary>Creates the directory of this node below a parent, and removes those of processes that no longer exist.</summary>
    protected static string Create(string parent)
    {
        foreach (var old in Directory.EnumerateDirectories(parent, Prefix + "*"))
        {
            var process = Path.GetFileName(old)[Prefix.Length..].Split('-')[0];
            if (!Directory.Exists($"/proc/{process}"))
            {
                TryRemoveTree(old);
            }
        }

        var number = Interlocked.Increment(ref _count);
        return Directory
            .CreateDirectory(Path.Combine(parent, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{Environment.ProcessId}-{number}")))
            .FullName;
    }

    private static bool TryRemoveTree(string directory)
    {
        try
        {
            foreach (var child in Directory.EnumerateDirectories(directory))
            {
                TryRemoveTree(child);
            }

            // The control files go with the directory.
            Directory.Delete(directory);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // The kernel counts a killed process until it is reaped.
    private async Task RemoveTreeAsync(string directory)
    {
        for (var attempt = 1; !TryRemoveTree(directory); attempt++)
        {
            if (attempt == RemovalAttempts)
            {
                _logger.LogDebug("Cannot remove the cgroup {Directory}; the next start of a node tries again", directory);
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None);
        }
    }

    private sealed class Container(Cgroup cgroup, IReadOnlyList<string> directories) : IContainerControl
    {
        private readonly ProcessGroup _group = new();
        private readonly Lock _lock = new();
        private bool _exists;
        private bool _places;

        // What a process allocated before it was moved is not counted here.
        public long MemoryInUse => (Volatile.Read(ref _places) ? cgroup.MemoryInUse(directories) : null) ?? _group.MemoryInUse;

        public long MemoryKills => Volatile.Read(ref _exists) ? cgroup.MemoryKills(directories) : 0;

        public void Apply(ContainerLimits limits)
        {
            lock (_lock)
            {
                if (limits == default && !_exists)
                {
                    return;
                }

                try
                {
                    foreach (var directory in directories)
                    {
                        Directory.CreateDirectory(directory);
                    }

                    cgroup.Write(directories, limits);
                    if (!_exists)
                    {
                        Volatile.Write(ref _exists, true);
                        Move();
                    }
                }
                catch (UnauthorizedAccessException e)
                {
                    throw new IOException($"cannot write the limits of {directories[0]}: {e.Message}", e);
                }
            }
        }

        public ProcessSpec Place(ProcessSpec spec)
        {
            lock (_lock)
            {
                Volatile.Write(ref _places, _exists);
                return _exists ? spec with { Cgroups = directories } : spec;
            }
        }

        public void Started(int group)
        {
            lock (_lock)
            {
                _group.Replace(group);
                if (_exists && !_places)
                {
                    Move();
                }
            }
        }

        public Task RemoveAsync() =>
            Volatile.Read(ref _exists) ? Task.WhenAll(directories.Select(cgroup.RemoveTreeAsync)) : Task.CompletedTask;

        // The processes of a container that had no limits before. One that starts another meanwhile is found in the next round.
        private void Move()
        {
            var moved = new HashSet<int>();
            while (_group.Members().Where(moved.Add).ToList() is { Count: > 0 } found)
            {
                foreach (var (process, directory) in found.SelectMany(p => directories.Select(d => (p, d))))
                {
                    try
                    {
                        Set(directory, "cgroup.procs", process);
                    }
                    catch (IOException) when (!Directory.Exists($"/proc/{process}"))
                    {
                        // It has ended.
                        continue;
                    }
                }
            }
        }
    }
}

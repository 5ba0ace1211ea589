using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// Bounds what the logs of all pods take together: each is bounded by itself, and there are many. When the sum is exceeded the files that were written
/// to longest ago go first, those of running programs too. Invariant: the sum exceeds its bound by less than what is written between two checks
/// (<see cref="Step"/>) and while one runs; only files of logs are removed.
/// </summary>
internal sealed class LogBudget
{
    private const long MostBetweenChecks = 16 * 1024 * 1024;
    private readonly string _pods;
    private readonly long _maxBytes;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<string, ContainerLog> _open = new(StringComparer.Ordinal);
    private long _written;
    private int _checking;

    /// <param name="pods">The folder with a folder for each pod, in which each container has one.</param>
    /// <param name="maxBytes">What all logs may take.</param>
    /// <param name="logger">Told what was removed.</param>
    public LogBudget(string pods, long maxBytes, ILogger logger)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        (_pods, _maxBytes, _logger) = (pods, maxBytes, logger);
    }

    /// <summary>After how many written bytes the sum is looked at again.</summary>
    public long Step => Math.Min(MostBetweenChecks, Math.Max(1, _maxBytes / 16));

    /// <summary>A log is being written from now on.</summary>
    public void Opened(string path, ContainerLog log) => _open[path] = log;

    /// <summary>It is not written any more.</summary>
    public void Closed(string path) => _open.TryRemove(path, out _);

    /// <summary>Counts what was written. Never waits: a check runs beside whoever writes.</summary>
    public void Wrote(long bytes)
    {
        if (Interlocked.Add(ref _written, bytes) >= Step && Interlocked.Exchange(ref _checking, 1) == 0)
        {
            BackgroundFailure.Watch("Removing old logs of pods", Task.Run(CheckOnce));
        }
    }

    /// <summary>Removes the oldest logs until the rest takes nine tenths of the bound, if it is exceeded.</summary>
    public void Check()
    {
        var files = Find();
        var sum = files.Sum(static file => file.Length);
        if (sum <= _maxBytes)
        {
            return;
        }

        var (before, removed) = (sum, 0);
        foreach (var file in files.OrderBy(static file => file.Written))
        {
            if (sum <= _maxBytes / 10 * 9)
            {
                break;
            }

            if (TryRemove(file.Path))
            {
                sum -= file.Length;
                removed++;
            }
        }

        _logger.LogInformation("The logs of pods took {Before} bytes, of {Most} that they may: removed the {Count} written to longest ago", before, _maxBytes, removed);
    }

    private void CheckOnce()
    {
        try
        {
            Interlocked.Exchange(ref _written, 0);
            Check();
        }
        finally
        {
            Volatile.Write(ref _checking, 0);
        }
    }

    private bool TryRemove(string path)
    {
        try
        {
            if (_open.TryGetValue(path, out var log))
            {
                log.Discard();
            }
            else
            {
                File.Delete(path);
            }

            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogWarning(e, "Cannot remove the log {Path}", path);
            return false;
        }
    }

    private List<LogOnDisk> Find()
    {
        var found = new List<LogOnDisk>();
        foreach (var container in Folders(_pods).SelectMany(Folders))
        {
            try
            {
                found.AddRange(new DirectoryInfo(container).EnumerateFiles("*.log*")
                    .Where(static file => IsLog(file.Name) && file.LinkTarget is null && file.Length > 0)
                    .Select(static file => new LogOnDisk(file.FullName, file.Length, file.LastWriteTimeUtc)));
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Pods are deleted with their files at any time.
                _logger.LogDebug(e, "Cannot look into {Directory}", container);
            }
        }

        return found;
    }

    private List<string> Folders(string directory)
    {
        try
        {
            return [.. Directory.EnumerateDirectories(directory)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            _logger.LogDebug(e, "Cannot look into {Directory}", directory);
            return [];
        }
    }

    // 3.log and 3.log.1, and nothing that a program or a volume has there.
    private static bool IsLog(string name)
        => name.Split('.') is [_, "log"] or [_, "log", "1"]
            && int.TryParse(name.AsSpan(0, name.IndexOf('.', StringComparison.Ordinal)), NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private sealed record LogOnDisk(string Path, long Length, DateTime Written);
}

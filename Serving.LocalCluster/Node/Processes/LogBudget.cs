using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// Bounds the total size of all pod logs: each log is bounded, but there are many. When the total is exceeded, the least recently written
/// files are deleted first, also those of running programs. Invariant: the total exceeds its bound by less than what is written between two
/// checks (<see cref="Step"/>) and during one; only log files are deleted.
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

    /// <param name="pods">The folder with one folder per pod, which has one folder per container.</param>
    /// <param name="maxBytes">The bound of the total size, in bytes.</param>
    /// <param name="logger">Logs deletions.</param>
    public LogBudget(string pods, long maxBytes, ILogger logger)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        (_pods, _maxBytes, _logger) = (pods, maxBytes, logger);
    }

    /// <summary>The number of written bytes between two checks.</summary>
    public long Step => Math.Min(MostBetweenChecks, Math.Max(1, _maxBytes / 16));

    /// <summary>Registers a log that is being written.</summary>
    public void Opened(string path, ContainerLog log) => _open[path] = log;

    /// <summary>Unregisters a log.</summary>
    public void Closed(string path) => _open.TryRemove(path, out _);

    /// <summary>Counts written bytes. Never blocks: checks run in the background.</summary>
    public void Wrote(long bytes)
    {
        if (Interlocked.Add(ref _written, bytes) >= Step && Interlocked.Exchange(ref _checking, 1) == 0)
        {
            BackgroundFailure.Watch("Removing old logs of pods", Task.Run(CheckWritten));
        }
    }

    /// <summary>If the bound is exceeded, deletes the oldest logs until nine tenths of it are used.</summary>
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

        _logger.LogInformation(
            "Pod logs used {Before} bytes, with a limit of {Most}: deleted the {Count} least recently written",
            before,
            _maxBytes,
            removed
        );
    }

    private void CheckWritten()
    {
        do
        {
            try
            {
                Interlocked.Exchange(ref _written, 0);
                Check();
            }
            finally
            {
                Interlocked.Exchange(ref _checking, 0);
            }

            // What was written meanwhile started no check, and nothing may be written after it.
        } while (Interlocked.Read(ref _written) >= Step && Interlocked.Exchange(ref _checking, 1) == 0);
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
                found.AddRange(
                    new DirectoryInfo(container)
                        .EnumerateFiles("*.log*")
                        .Where(static file => IsLog(file.Name) && file.LinkTarget is null && file.Length > 0)
                        .Select(static file => new LogOnDisk(file.FullName, file.Length, file.LastWriteTimeUtc))
                );
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Pods and their files may be deleted at any time.
                _logger.LogDebug(e, "Cannot list {Directory}", container);
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
            _logger.LogDebug(e, "Cannot list {Directory}", directory);
            return [];
        }
    }

    // Only 3.log and 3.log.1, no files of a program or a volume.
    private static bool IsLog(string name) =>
        name.Split('.') is [_, "log"] or [_, "log", "1"]
        && int.TryParse(
            name.AsSpan(0, name.IndexOf('.', StringComparison.Ordinal)),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out _
        );

    private sealed record LogOnDisk(string Path, long Length, DateTime Written);
}

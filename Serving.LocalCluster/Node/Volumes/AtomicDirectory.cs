using System.Globalization;
using Serving.LocalCluster.Node.Processes;

namespace Serving.LocalCluster.Node.Volumes;

/// <summary>
/// A directory whose files change atomically, as a kubelet writes volumes: the files are in a separate directory, a
/// link <c>..data</c> points to it and is replaced by a rename, and the visible files are links through <c>..data</c>.
/// </summary>
internal static class AtomicDirectory
{
    private const string Current = "..data";

    /// <summary>Makes <paramref name="directory"/> contain exactly <paramref name="files"/>. Returns whether anything changed.</summary>
    public static bool Write(string directory, IReadOnlyDictionary<string, VolumeFile> files, DateTimeOffset now)
    {
        Directory.CreateDirectory(directory);
        var current = Path.Combine(directory, Current);
        if (Directory.Exists(current) && Same(current, files))
        {
            return false;
        }

        var previous = new DirectoryInfo(current).LinkTarget;
        var name = string.Create(CultureInfo.InvariantCulture, $"..{now:yyyy_MM_dd_HH_mm_ss}.{Random.Shared.Next()}");
        var payload = Path.Combine(directory, name);
        Directory.CreateDirectory(payload);
        foreach (var (path, file) in files)
        {
            var target = Path.Combine(payload, path);
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.WriteAllBytes(target, file.Bytes);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(target, (UnixFileMode)(file.Mode & 0b111_111_111));
            }
        }

        var link = Path.Combine(directory, "..data_tmp");
        File.Delete(link);
        File.CreateSymbolicLink(link, name);
        Native.Rename(link, current);
        LinkEntries(directory, files);
        if (previous is not null)
        {
            Directory.Delete(Path.Combine(directory, previous), recursive: true);
        }

        return true;
    }

    private static void LinkEntries(string directory, IReadOnlyDictionary<string, VolumeFile> files)
    {
        var entries = files.Keys.Select(path => path.Split('/')[0]).ToHashSet(StringComparer.Ordinal);
        foreach (var entry in entries)
        {
            var link = Path.Combine(directory, entry);
            if (new FileInfo(link).LinkTarget is null)
            {
                File.CreateSymbolicLink(link, $"{Current}/{entry}");
            }
        }

        foreach (var path in Directory.EnumerateFileSystemEntries(directory))
        {
            var name = Path.GetFileName(path);
            if (!name.StartsWith("..", StringComparison.Ordinal) && !entries.Contains(name))
            {
                File.Delete(path);
            }
        }
    }

    private static bool Same(string directory, IReadOnlyDictionary<string, VolumeFile> files)
    {
        var found = Directory
            .EnumerateFiles(directory, "*", SearchOption.AllDirectories)
            .Select(path => Path.GetRelativePath(directory, path))
            .ToList();
        return found.Count == files.Count
            && found.TrueForAll(path =>
                files.TryGetValue(path, out var file) && File.ReadAllBytes(Path.Combine(directory, path)).AsSpan().SequenceEqual(file.Bytes)
            );
    }
}

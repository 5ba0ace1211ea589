namespace Serving.LocalCluster;

/// <summary>Files with secrets: only their owner can read and write them, from their creation on.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Creates a file if it does not exist, and removes access of other users from an existing one.</summary>
    /// <exception cref="IOException">The file cannot be created.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be created, or belongs to another user.</exception>
    public static void Ensure(string path)
    {
        using (Open(path, FileMode.OpenOrCreate))
        {
            // The file exists.
        }

        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) != OwnerOnly)
            File.SetUnixFileMode(path, OwnerOnly);
    }

    /// <summary>Opens a file for writing, shared with readers; a new one is accessible only to its owner.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share = FileShare.ReadWrite)
    {
        var options = new FileStreamOptions
        {
            Mode = mode,
            Access = FileAccess.Write,
            Share = share,
        };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        return new FileStream(path, options);
    }

    /// <summary>Replaces the content of a file atomically: readers, and a start after a crash, see the old or the new content.</summary>
    public static void Replace(string path, string text)
    {
        var partial = path + ".new";
        File.Delete(partial);
        using (var stream = Open(partial, FileMode.CreateNew, FileShare.None))
        {
            using (var writer = new StreamWriter(stream, leaveOpen: true))
                writer.Write(text);
            stream.Flush(flushToDisk: true);
        }

        File.Move(partial, path, overwrite: true);
    }
}

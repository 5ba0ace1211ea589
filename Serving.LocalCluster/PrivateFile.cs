namespace Serving.LocalCluster;

/// <summary>Files that hold secrets: readable and writable for their owner alone, from the moment that they exist.</summary>
internal static class PrivateFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Makes a file if need be; one that others may read is theirs no more.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be made, or is another user's.</exception>
    public static void Ensure(string path)
    {
        using (Open(path, FileMode.OpenOrCreate))
        {
            // It exists now.
        }

        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) != OwnerOnly)
            File.SetUnixFileMode(path, OwnerOnly);
    }

    /// <summary>Opens a file to write to, shared with others that read it; a new one is for its owner alone.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share = FileShare.ReadWrite)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = share };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = OwnerOnly;
        return new FileStream(path, options);
    }

    /// <summary>Replaces the content of a file at once: readers see the old or the new, and so does a start after a crash.</summary>
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

namespace Serving.Host.Local;

/// <summary>
/// The data directory of a local cluster, held by one process at a time. Invariant: it holds Secrets, keys and tokens, so it and the files
/// in it are for their owner alone, those of an older release too.
/// </summary>
internal sealed class LocalDirectory : IDisposable
{
    private const string LockFile = "lock";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private const long LargestLog = 16 * 1024 * 1024;

    private readonly FileStream _claim;

    private readonly string _log;

    private LocalDirectory(string path, FileStream claim, string log)
    {
        _log = log;
        Path = path;
        _claim = claim;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>The log of this process.</summary>
    public string LogFile => System.IO.Path.Combine(Path, _log);

    /// <summary>Where the API server writes the kubeconfig of who installs the control plane.</summary>
    public string InstallerKubeconfig => System.IO.Path.Combine(Path, "installer.kubeconfig");

    /// <summary>Where the API server writes the user's kubeconfig.</summary>
    public string Kubeconfig => KubeconfigOf(Path);

    /// <summary>Where this process notes its loopback addresses, so that its pod bears the same name after a restart.</summary>
    public string SubnetFile => System.IO.Path.Combine(Path, System.IO.Path.ChangeExtension(_log, ".subnet"));

    /// <summary>The kubeconfig of the cluster in a directory.</summary>
    public static string KubeconfigOf(string directory) => System.IO.Path.Combine(directory, "kubeconfig");

    /// <summary>Makes the directory if need be and claims a role in it. Throws <see cref="UserErrorException"/> when another process has
    /// it.</summary>
    public static LocalDirectory Claim(LocalOptions local)
    {
        var path = local.DataDirectory;
        try
        {
            MakePrivate(path);

            // One API server a directory; other roles may be there several times, and leave nothing.
            var exclusive = local.Has(LocalOptions.ApiServer);
            var name = exclusive ? LockFile : $"{LockFile}-{Environment.ProcessId}";
            var options = new FileStreamOptions
            {
                Mode = FileMode.OpenOrCreate,
                Access = FileAccess.ReadWrite,
                Share = FileShare.None,
                Options = exclusive ? FileOptions.None : FileOptions.DeleteOnClose,
            };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = OwnerOnly;
            }

            return new LocalDirectory(path, new FileStream(System.IO.Path.Combine(path, name), options), LogOf(local));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--data-dir {path}: {Why(path, failure)} ({failure.Message})", failure);
        }
    }

    /// <summary>Makes the directory for this user alone, and takes away what others may do with one that is there, and with the files in
    /// it.</summary>
    private static void MakePrivate(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        const UnixFileMode Directories = OwnerOnly | UnixFileMode.UserExecute;
        var directory = Directory.CreateDirectory(path, Directories);
        if (directory.UnixFileMode.HasFlag(UnixFileMode.StickyBit))
        {
            throw new UserErrorException(
                $"--data-dir {path}: it is shared with other users, and the Secrets of a cluster would be too: name a directory in it."
            );
        }

        // In pods/ programs run, and its files have the modes that their volumes ask for: nobody else gets as far as that.
        foreach (var entry in directory.EnumerateFileSystemInfos().Append(directory).Where(static entry => entry.LinkTarget is null))
        {
            var mode = entry is DirectoryInfo ? Directories : OwnerOnly;
            if ((entry.UnixFileMode & ~mode) != 0)
            {
                entry.UnixFileMode &= mode;
            }
        }
    }

    private static string Why(string path, Exception failure)
    {
        if (File.Exists(path))
        {
            return "it is not a directory: name another one.";
        }

        // A lock that is there and cannot be taken is somebody's; anything else is about the place.
        return
            failure is IOException and not (DirectoryNotFoundException or FileNotFoundException)
            && File.Exists(System.IO.Path.Combine(path, LockFile))
            && CanWrite(path)
            ? "another local cluster uses it. Stop that one, or name another directory."
            : "it cannot be made or written to: name another directory.";
    }

    private static bool CanWrite(string path)
    {
        try
        {
            using var probe = new FileStream(
                System.IO.Path.Combine(path, System.IO.Path.GetRandomFileName()),
                new FileStreamOptions
                {
                    Mode = FileMode.CreateNew,
                    Access = FileAccess.Write,
                    Options = FileOptions.DeleteOnClose,
                }
            );
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>
    /// Opens the log to append to; one that has grown large is put aside first, so that two at most are kept. Throws
    /// <see cref="UserErrorException"/> when it cannot be opened.
    /// </summary>
    public FileStream OpenLog()
    {
        var file = LogFile;
        try
        {
            if (File.Exists(file) && new FileInfo(file).Length > LargestLog)
            {
                File.Move(file, file + ".1", overwrite: true);
            }

            var options = new FileStreamOptions
            {
                Mode = FileMode.Append,
                Access = FileAccess.Write,
                Share = FileShare.ReadWrite,
            };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = OwnerOnly;
            }

            return new FileStream(file, options);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException(
                $"--data-dir {Path}: the log {file} cannot be written ({failure.Message}): remove it, free some space, or name another directory.",
                failure
            );
        }
    }

    public void Dispose() => _claim.Dispose();

    /// <summary>A log for each process on the directory: they would write over each other's lines.</summary>
    public static string LogOf(LocalOptions local) =>
        local.Has(LocalOptions.ApiServer) ? "serving.log"
        : local.Has(LocalOptions.ControlPlane) ? $"serving-{local.GatewayPort}.log"
        : "serving-node.log";
}

namespace Serving.Host.Local;

/// <summary>
/// The data directory of a local cluster, claimed by one process at a time. Invariant: it holds Secrets, keys and tokens, so only its owner
/// can access it and its files, including files of an older release.
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

    /// <summary>Where the API server writes the kubeconfig of the installer.</summary>
    public string InstallerKubeconfig => System.IO.Path.Combine(Path, "installer.kubeconfig");

    /// <summary>Where the API server writes the user's kubeconfig.</summary>
    public string Kubeconfig => KubeconfigOf(Path);

    /// <summary>Stores the loopback addresses of this process, so that its pod keeps its name after a restart.</summary>
    public string SubnetFile => System.IO.Path.Combine(Path, System.IO.Path.ChangeExtension(_log, ".subnet"));

    /// <summary>The kubeconfig of the cluster in a directory.</summary>
    public static string KubeconfigOf(string directory) => System.IO.Path.Combine(directory, "kubeconfig");

    /// <summary>Creates the directory when it does not exist, and claims a role in it. Throws <see cref="UserErrorException"/> when another
    /// process holds it.</summary>
    public static LocalDirectory Claim(LocalOptions local)
    {
        var path = local.DataDirectory;
        try
        {
            MakePrivate(path);

            // A directory has one API server; other roles may run several times, and store nothing.
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

    /// <summary>Creates the directory for this user only; on an existing directory and its files, removes the permissions of all other
    /// users.</summary>
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
                $"--data-dir {path}: it is shared with other users, who could read the cluster's Secrets: use a directory inside it."
            );
        }

        // Files below pods/ keep the modes that their volumes ask for; other users cannot reach them through this directory.
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

        // An existing lock file that cannot be locked is held by another process; any other failure concerns the directory.
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
    /// Opens the log for appending. A large log is rotated first; at most two files are kept. Throws <see cref="UserErrorException"/> when
    /// it cannot be opened.
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

    /// <summary>Each process has its own log in the directory, so that processes do not overwrite each other's lines.</summary>
    public static string LogOf(LocalOptions local) =>
        local.Has(LocalOptions.ApiServer) ? "serving.log"
        : local.Has(LocalOptions.ControlPlane) ? $"serving-{local.GatewayPort}.log"
        : "serving-node.log";
}

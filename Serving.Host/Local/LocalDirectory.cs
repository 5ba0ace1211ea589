namespace Serving.Host.Local;

/// <summary>The data directory of a local cluster, held by one process at a time.</summary>
internal sealed class LocalDirectory : IDisposable
{
    private const string LockFile = "lock";

    private const long LargestLog = 16 * 1024 * 1024;

    private readonly FileStream claim;

    private readonly string log;

    private LocalDirectory(string path, FileStream claim, string log)
    {
        this.log = log;
        Path = path;
        this.claim = claim;
    }

    /// <summary>The directory.</summary>
    public string Path { get; }

    /// <summary>Where the API server writes the user's kubeconfig.</summary>
    public string Kubeconfig => KubeconfigOf(Path);

    /// <summary>Where this process notes its loopback addresses, so that its pod bears the same name after a restart.</summary>
    public string SubnetFile => System.IO.Path.Combine(Path, System.IO.Path.ChangeExtension(log, ".subnet"));

    /// <summary>The kubeconfig of the cluster in a directory.</summary>
    public static string KubeconfigOf(string directory) => System.IO.Path.Combine(directory, "kubeconfig");

    /// <summary>Makes the directory if need be and claims a role in it. Throws <see cref="UserErrorException"/> when another process has it.</summary>
    public static LocalDirectory Claim(LocalOptions local)
    {
        var path = local.DataDirectory;
        try
        {
            Directory.CreateDirectory(path);

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
            return new LocalDirectory(path, new FileStream(System.IO.Path.Combine(path, name), options), LogOf(local));
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UserErrorException($"--data-dir {path}: {Why(path, failure)} ({failure.Message})", failure);
        }
    }

    private static string Why(string path, Exception failure)
    {
        if (File.Exists(path))
        {
            return "it is not a directory: name another one.";
        }

        // A lock that is there and cannot be taken is somebody's; anything else is about the place.
        return failure is IOException and not (DirectoryNotFoundException or FileNotFoundException) && File.Exists(System.IO.Path.Combine(path, LockFile)) && CanWrite(path)
            ? "another local cluster uses it. Stop that one, or name another directory."
            : "it cannot be made or written to: name another directory.";
    }

    private static bool CanWrite(string path)
    {
        try
        {
            using var probe = new FileStream(
                System.IO.Path.Combine(path, System.IO.Path.GetRandomFileName()), new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Options = FileOptions.DeleteOnClose });
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Opens the log to append to; one that has grown large is put aside first, so that two at most are kept.</summary>
    public FileStream OpenLog()
    {
        var file = System.IO.Path.Combine(Path, log);
        if (File.Exists(file) && new FileInfo(file).Length > LargestLog)
        {
            File.Move(file, file + ".1", overwrite: true);
        }

        return new FileStream(file, FileMode.Append, FileAccess.Write, FileShare.ReadWrite);
    }

    public void Dispose() => claim.Dispose();

    /// <summary>A log for each process on the directory: they would write over each other's lines.</summary>
    public static string LogOf(LocalOptions local)
        => local.Has(LocalOptions.ApiServer) ? "serving.log" : local.Has(LocalOptions.ControlPlane) ? $"serving-{local.GatewayPort}.log" : "serving-node.log";
}

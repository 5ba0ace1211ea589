using System.Diagnostics;
using System.Text.Json;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Processes;
using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node.Volumes;

/// <summary>
/// The volumes of one pod as directories, and their mounts. For every volume that a container mounts, the environment variable
/// <c>VOLUME_NAME</c> has its directory. When the node runs as root and may create mount namespaces,
/// each program also gets its volumes at their mount paths, invisible to others; a missing mount path is created, empty, on the machine.
/// Without root there is only the variable.
/// </summary>
internal sealed class PodVolumes(string podDirectory, VolumeContent content, string claims, TimeProvider time)
{
    private static readonly Lazy<bool> MayBind = new(TryMountNamespace);
    private readonly Dictionary<string, string> _directories = new(StringComparer.Ordinal);

    /// <summary>
    /// Creates the directories, or updates those whose content comes from the API. Throws <see cref="VolumeException"/>
    /// on failure.
    /// </summary>
    public async Task WriteAsync(Pod pod, string podIP, CancellationToken cancellation)
    {
        foreach (var volume in pod.Spec!.Volumes)
        {
            try
            {
                _directories[volume.Name] = await WriteAsync(pod, volume, podIP, cancellation);
            }
            catch (ContainerConfigException e)
            {
                throw new VolumeException(volume.Name, e.Message);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new VolumeException(volume.Name, e.Message);
            }
        }
    }

    /// <summary>Adds the variables for a container's volumes, and returns its bind mounts.</summary>
    public IReadOnlyList<BindMount> Mount(Container container, Dictionary<string, string> environment)
    {
        var binds = new List<BindMount>();
        foreach (var mount in container.VolumeMounts)
        {
            var source = Source(mount, environment);
            environment.TryAdd(
                "VOLUME_" + new string([.. mount.Name.Select(c => char.IsAsciiLetterOrDigit(c) ? char.ToUpperInvariant(c) : '_')]),
                source
            );
            if (MayBind.Value)
            {
                CreateTarget(source, mount.MountPath);
                binds.Add(new BindMount(source, mount.MountPath, mount.ReadOnly == true));
            }
        }

        return binds;
    }

    /// <summary>The actual path of a path in one of a container's volumes, or null when it is in none.</summary>
    public string? RealPath(Container container, string path)
    {
        var mount = container
            .VolumeMounts.Where(m =>
                m.SubPath.Length + m.SubPathExpr.Length == 0 && path.StartsWith(m.MountPath.TrimEnd('/') + "/", StringComparison.Ordinal)
            )
            .MaxBy(m => m.MountPath.Length);
        return mount is null ? null : Path.Combine(_directories[mount.Name], path[(mount.MountPath.TrimEnd('/').Length + 1)..]);
    }

    private async Task<string> WriteAsync(Pod pod, Volume volume, string podIP, CancellationToken cancellation)
    {
        var directory = Path.Combine(podDirectory, "volumes", volume.Name);
        if (await content.ReadAsync(pod, volume, podIP, cancellation) is { } files)
        {
            AtomicDirectory.Write(directory, files, time.GetUtcNow());
            return directory;
        }

        if (volume.HostPath is { } host)
        {
            return HostPath(volume.Name, host);
        }

        if (volume.PersistentVolumeClaim is { } claim)
        {
            // Every claim is a directory of the machine that outlives the pod.
            directory = Path.Combine(claims, $"{pod.Metadata.Namespace}_{claim.ClaimName}");
        }
        else if (volume is { Csi: not null } or { Ephemeral: not null } or { Image: not null })
        {
            throw new VolumeException(volume.Name, "the local node does not support csi, ephemeral and image volumes");
        }

        Directory.CreateDirectory(directory);
        return directory;
    }

    private static string HostPath(string name, JsonElement source)
    {
        var path = source.TryGetProperty("path", out var p) ? p.GetString() ?? "" : "";
        var type = source.TryGetProperty("type", out var t) ? t.GetString() : null;
        if (type == "DirectoryOrCreate")
        {
            Directory.CreateDirectory(path);
        }

        return Path.Exists(path) || string.IsNullOrEmpty(type)
            ? path
            : throw new VolumeException(name, $"hostPath type check failed: {path} is not a {type}");
    }

    private string Source(VolumeMount mount, Dictionary<string, string> environment)
    {
        if (!_directories.TryGetValue(mount.Name, out var directory))
        {
            throw new ContainerConfigException($"volume \"{mount.Name}\" of a mount is not a volume of the pod");
        }

        var sub = mount.SubPathExpr.Length > 0 ? VariableExpansion.Expand(mount.SubPathExpr, environment) : mount.SubPath;
        if (Path.IsPathRooted(sub) || sub.Split('/').Contains(".."))
        {
            throw new ContainerConfigException(
                $"failed to prepare subPath for volumeMount \"{mount.Name}\": \"{sub}\" is not within the volume"
            );
        }

        var source = Path.Combine(directory, sub);
        if (!Path.Exists(source))
        {
            Directory.CreateDirectory(source);
        }

        return source;
    }

    private static void CreateTarget(string source, string target)
    {
        try
        {
            if (Path.Exists(target))
            {
                return;
            }

            if (Directory.Exists(source))
            {
                Directory.CreateDirectory(target);
                return;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            using var file = File.Create(target);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ContainerConfigException($"cannot create mount path {target}: {e.Message}");
        }
    }

    // Root is not sufficient: inside a container it may not be allowed to mount.
    private static bool TryMountNamespace()
    {
        if (!Native.IsRoot)
        {
            return false;
        }

        using var process = Process.Start(
            new ProcessStartInfo("unshare", ["--mount", "--propagation", "private", "true"]) { RedirectStandardError = true }
        );
        return process!.WaitForExit(TimeSpan.FromSeconds(5)) && process.ExitCode == 0;
    }
}

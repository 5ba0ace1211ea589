using System.Text;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Variables;

namespace Serving.LocalCluster.Node.Volumes;

/// <summary>One file of a volume: its bytes and its Unix permissions.</summary>
internal readonly record struct VolumeFile(byte[] Bytes, int Mode);

/// <summary>Reads the files of the volumes whose content comes from the API: configMap, secret, downwardAPI and projected.</summary>
internal sealed class VolumeContent(NodeObjects objects, ServiceAccountTokenSource? tokens)
{
    private const int DefaultMode = 0b110_100_100;

    /// <summary>
    /// The files by their relative path, or null when the volume is of a kind that is only a directory.
    /// Throws <see cref="VolumeException"/> when something it refers to is missing.
    /// </summary>
    public async Task<IReadOnlyDictionary<string, VolumeFile>?> ReadAsync(
        Pod pod,
        Volume volume,
        string podIP,
        CancellationToken cancellation
    )
    {
        var sink = new Sink(pod, volume.Name, podIP);
        if (volume.ConfigMap is { } config)
        {
            await AddConfigMapAsync(sink, config.Name, config.Items, config.Optional, config.DefaultMode, cancellation);
        }
        else if (volume.Secret is { } secret)
        {
            await AddSecretAsync(sink, secret.SecretName, secret.Items, secret.Optional, secret.DefaultMode, cancellation);
        }
        else if (volume.DownwardAPI is { } downward)
        {
            AddFields(sink, downward.Items, downward.DefaultMode);
        }
        else if (volume.Projected is { } projected)
        {
            foreach (var source in projected.Sources)
            {
                await AddProjectionAsync(sink, source, projected.DefaultMode, cancellation);
            }
        }
        else
        {
            return null;
        }

        return sink.Files;
    }

    private async Task AddProjectionAsync(Sink sink, VolumeProjection source, int? mode, CancellationToken cancellation)
    {
        if (source.ConfigMap is { } config)
        {
            await AddConfigMapAsync(sink, config.Name, config.Items, config.Optional, mode, cancellation);
        }

        if (source.Secret is { } secret)
        {
            await AddSecretAsync(sink, secret.Name, secret.Items, secret.Optional, mode, cancellation);
        }

        if (source.DownwardAPI is { } downward)
        {
            AddFields(sink, downward.Items, mode);
        }

        if (source.ServiceAccountToken is { } token)
        {
            var issue = tokens ?? throw new VolumeException(sink.Volume, "this cluster does not issue service account tokens");
            var account = sink.Pod.Spec!.ServiceAccountName is { Length: > 0 } name ? name : "default";
            var request = new ServiceAccountTokenRequest(
                sink.Pod.Metadata.Namespace,
                account,
                token.Audience,
                TimeSpan.FromSeconds(token.ExpirationSeconds ?? 3600),
                sink.Pod.Metadata.Name,
                sink.Pod.Metadata.Uid
            );
            var text = await issue(request, cancellation);
            sink.Add(token.Path, Encoding.UTF8.GetBytes(text), mode);
        }
    }

    private async Task AddConfigMapAsync(
        Sink sink,
        string name,
        IReadOnlyList<KeyToPath> items,
        bool? optional,
        int? mode,
        CancellationToken cancellation
    )
    {
        var map = await objects.ConfigMapAsync(sink.Pod.Metadata.Namespace, name, cancellation);
        if (map is null && optional != true)
        {
            throw new VolumeException(sink.Volume, $"configmap \"{name}\" not found");
        }

        var data = (map?.Data ?? Empty.Map).ToDictionary(p => p.Key, p => Encoding.UTF8.GetBytes(p.Value));
        foreach (var (key, value) in map?.BinaryData ?? new Dictionary<string, byte[]>())
        {
            data[key] = value;
        }

        AddKeys(sink, data, items, optional, mode);
    }

    private async Task AddSecretAsync(
        Sink sink,
        string name,
        IReadOnlyList<KeyToPath> items,
        bool? optional,
        int? mode,
        CancellationToken cancellation
    )
    {
        var secret = await objects.SecretAsync(sink.Pod.Metadata.Namespace, name, cancellation);
        if (secret is null && optional != true)
        {
            throw new VolumeException(sink.Volume, $"secret \"{name}\" not found");
        }

        AddKeys(sink, secret?.Data ?? new Dictionary<string, byte[]>(), items, optional, mode);
    }

    private static void AddKeys(
        Sink sink,
        IReadOnlyDictionary<string, byte[]> data,
        IReadOnlyList<KeyToPath> items,
        bool? optional,
        int? mode
    )
    {
        foreach (var item in items)
        {
            if (data.TryGetValue(item.Key, out var value))
            {
                sink.Add(item.Path, value, item.Mode ?? mode);
            }
            else if (optional != true)
            {
                throw new VolumeException(sink.Volume, $"references non-existent config key: {item.Key}");
            }
        }

        if (items.Count == 0)
        {
            foreach (var (key, value) in data)
            {
                sink.Add(key, value, mode);
            }
        }
    }

    private static void AddFields(Sink sink, IReadOnlyList<DownwardApiVolumeFile> items, int? mode)
    {
        foreach (var item in items)
        {
            var text = item switch
            {
                { FieldRef: { } field } => DownwardApi.Field(sink.Pod, field.FieldPath, sink.PodIP),
                { ResourceFieldRef: { } resource } => DownwardApi.Resource(sink.Pod, sink.Pod.Spec!.Containers[0], resource),
                _ => throw new VolumeException(sink.Volume, $"item {item.Path} has no source"),
            };
            sink.Add(item.Path, Encoding.UTF8.GetBytes(text), item.Mode ?? mode);
        }
    }

    private sealed record Sink(Pod Pod, string Volume, string PodIP)
    {
        public Dictionary<string, VolumeFile> Files { get; } = new(StringComparer.Ordinal);

        public void Add(string path, byte[] bytes, int? mode)
        {
            // The API server rejects these already; here they would write outside of the volume.
            if (path.Length == 0 || Path.IsPathRooted(path) || path.Split('/').Contains(".."))
            {
                throw new VolumeException(Volume, $"\"{path}\" is not a relative path within the volume");
            }

            Files[path] = new VolumeFile(bytes, mode ?? DefaultMode);
        }
    }
}

using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Controller.Revisions.Digests;

/// <summary>Reads the pull secrets of a Revision and of its service account. Secrets that do not exist are skipped, as by the
/// kubelet.</summary>
internal sealed class PullSecrets(IKubernetesClient client)
{
    /// <summary>The logins of all of them; throws <see cref="FormatException"/> or <see cref="KubernetesException"/> when one cannot be
    /// read.</summary>
    public async Task<DockerConfig> ReadAsync(DigestRequest request, CancellationToken cancellation)
    {
        var account = await TryGetAsync(
            Serving.Api.Resources.ServiceAccounts,
            request.Namespace,
            request.ServiceAccountName.Length > 0 ? request.ServiceAccountName : "default",
            cancellation
        );
        var result = new DockerConfig();
        foreach (var name in request.ImagePullSecrets.Concat(account?.ImagePullSecrets.Select(static secret => secret.Name) ?? []))
        {
            if (await TryGetAsync(Serving.Api.Resources.Secrets, request.Namespace, name, cancellation) is { } secret)
            {
                Add(result, secret);
            }
        }

        return result;
    }

    private static void Add(DockerConfig config, Secret secret)
    {
        try
        {
            if (
                secret.Type == "kubernetes.io/dockerconfigjson"
                && secret.Data?.GetValueOrDefault(".dockerconfigjson") is { Length: > 0 } json
            )
            {
                config.AddJson(json);
            }

            if (secret.Type == "kubernetes.io/dockercfg" && secret.Data?.GetValueOrDefault(".dockercfg") is { Length: > 0 } legacy)
            {
                config.AddLegacy(legacy);
            }
        }
        catch (FormatException error)
        {
            throw new FormatException($"secret \"{secret.Metadata.Name}\": {error.Message}", error);
        }
    }

    private async Task<T?> TryGetAsync<T>(ResourceType<T> type, string ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        try
        {
            return await client.GetAsync(type, ns, name, cancellation);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return null;
        }
    }
}

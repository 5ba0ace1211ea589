using System.Reflection;
using Microsoft.Extensions.Logging;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Controller.Revisions.Digests.Registries;
using Serving.Kubernetes.Client;

namespace Serving.Controller.Revisions.Digests;

/// <summary>
/// Resolves tags through registries (OCI distribution API), anonymously unless the registry requires a login: then with the pull secrets of
/// the Revision, of its service account, the docker configuration of this process, or the cloud identity of the machine, in this order.
/// </summary>
public sealed class RegistryDigests : IDigestResolver
{
    private static readonly string UserAgent =
        $"knative/{typeof(RegistryDigests).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown"} (serving)";

    private readonly HttpClient _http;
    private readonly PullSecrets _secrets;
    private readonly LocalDockerConfig _local;
    private readonly IReadOnlyList<IRegistryIdentity> _identities;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;

    /// <param name="client">Reads pull secrets and service accounts.</param>
    /// <param name="http">The client for registries; its handler decides which certificates are trusted (see
    /// <see cref="RegistryTrust"/>).</param>
    /// <param name="local">The logins of this process, tried after the pull secrets.</param>
    /// <param name="identities">The cloud identities, tried in order after these.</param>
    /// <param name="logger">Logs, at debug, an identity that provides no credential.</param>
    /// <param name="time">The clock of retries and deadlines.</param>
    public RegistryDigests(
        IKubernetesClient client,
        HttpClient http,
        LocalDockerConfig local,
        IReadOnlyList<IRegistryIdentity> identities,
        ILogger<RegistryDigests> logger,
        TimeProvider time
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(http);
        ArgumentNullException.ThrowIfNull(local);
        ArgumentNullException.ThrowIfNull(identities);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentNullException.ThrowIfNull(time);
        _http = http;
        _local = local;
        _identities = identities;
        _logger = logger;
        _time = time;
        _secrets = new PullSecrets(client);
    }

    /// <inheritdoc/>
    public async ValueTask<string> ResolveAsync(DigestRequest request, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(request);
        ImageReference image;
        try
        {
            image = ImageReference.Parse(request.Image);
        }
        catch (FormatException error)
        {
            throw new DigestException(request.Image, error.Message, error);
        }

        if (image.Digest.Length > 0)
        {
            return request.Image;
        }

        if (request.SkippedRegistries.Contains(image.Registry))
        {
            return "";
        }

        using var timeout = new CancellationTokenSource(request.Timeout, _time);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        var session = new RegistrySession(_http, image, UserAgent, token => CredentialAsync(request, image, token), _time);
        try
        {
            return image.WithDigest(await session.DigestAsync(deadline.Token));
        }
        catch (RegistryException error)
        {
            throw new DigestException(request.Image, error.Message, error);
        }
        catch (OperationCanceledException error) when (!cancellation.IsCancellationRequested)
        {
            throw new DigestException(request.Image, $"Get \"https://{image.Registry}/v2/\": context deadline exceeded", error);
        }
        catch (HttpRequestException error)
        {
            throw new DigestException(request.Image, $"Get \"https://{image.Registry}/v2/\": {Innermost(error)}", error);
        }
        catch (Exception error) when (error is FormatException or KubernetesException)
        {
            throw new DigestException(request.Image, $"failed to initialize authentication: {error.Message}", error);
        }
    }

    private static string Innermost(Exception error) =>
        error.InnerException is { } inner && inner is not IOException ? $"{error.Message}: {inner.Message}" : error.Message;

    private async Task<RegistryCredential?> CredentialAsync(DigestRequest request, ImageReference image, CancellationToken cancellation)
    {
        var logins = await _secrets.ReadAsync(request, cancellation);
        if ((logins.Find(image.Name) ?? _local.Find(image.Name)) is { } login)
        {
            return login;
        }

        foreach (var identity in _identities.Where(identity => identity.Recognises(image.Registry)))
        {
            try
            {
                if (await identity.CredentialAsync(image.Registry, cancellation) is { } found)
                {
                    return found;
                }
            }
            catch (IdentityException error)
            {
                _logger.LogDebug(error, "No login for {Registry} from {Identity}; continuing without it", image.Registry, identity.Name);
            }
        }

        return null;
    }
}

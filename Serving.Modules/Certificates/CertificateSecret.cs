using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;

namespace Serving.Certificates;

/// <summary>
/// A serving certificate that replicas share through a Secret. A replica that finds it missing, invalid or about to expire writes a new
/// one; on a conflict it uses the one written by the other replica. A new certificate keeps the previous authority beside its own, even if
/// the Secret was deleted or corrupted meanwhile, so that trust is not interrupted while replicas switch over.
/// </summary>
public sealed class CertificateSecret : ICertificateSource
{
    private const string KeyEntry = "server-key.pem";
    private const string CertificateEntry = "server-cert.pem";
    private const string AuthorityEntry = "ca-cert.pem";
    private const int Attempts = 5;

    private readonly CertificateSecretOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<CertificateSecret> _logger;
    private ServingCertificate? _last;

    /// <param name="options">The Secret, and the Service that the certificate is for.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs when a certificate is created.</param>
    public CertificateSecret(CertificateSecretOptions options, TimeProvider time, ILogger<CertificateSecret> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        _options = options;
        _time = time;
        _logger = logger;
    }

    /// <summary>The certificate for serving, created and stored if necessary.</summary>
    public async Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        for (var attempt = 1; ; attempt++)
        {
            var stored = await FindAsync(client, cancellation);
            var current = stored is null ? null : Read(stored);
            var renewAt = _time.GetUtcNow() + _options.RenewBefore;
            if (current is not null && current.NotAfter > renewAt)
            {
                return _last = current;
            }

            var next = CertificateAuthority.Issue(
                _options.ServiceName,
                _options.Namespace,
                _options.ClusterDomain,
                _time.GetUtcNow(),
                _options.Lifetime
            );
            if ((current ?? _last) is { } previous)
            {
                next = next with { Authorities = next.Authorities + StillValid(previous.Pems.Authorities) };
            }

            try
            {
                var written = stored is null
                    ? await client.CreateAsync(Resources.Secrets, Fill(NewSecret(), next), cancellation)
                    : await client.UpdateAsync(Resources.Secrets, Fill(stored, next), cancellation);
                _logger.LogInformation(
                    "Created a certificate for {Service} in Secret {Secret}",
                    _options.ServiceName,
                    ObjectKey.Of(written)
                );
                return _last =
                    ServingCertificate.TryRead(next)
                    ?? throw new InvalidOperationException($"the certificate created for {_options.ServiceName} is invalid");
            }
            catch (KubernetesException lost) when ((lost.IsConflict || lost.IsAlreadyExists || lost.IsNotFound) && attempt < Attempts)
            {
                _logger.LogDebug("Another replica wrote Secret {Secret} first", _options.SecretName);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var read = await FindAsync(client, cancellation) is { } stored ? Read(stored) : null;
        _last = read ?? _last;
        return read;
    }

    private async Task<Secret?> FindAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            return await client.GetAsync(Resources.Secrets, _options.Namespace, _options.SecretName, cancellation);
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return null;
        }
    }

    private static ServingCertificate? Read(Secret secret) =>
        secret.Data is { } data
        && data.TryGetValue(KeyEntry, out var key)
        && data.TryGetValue(CertificateEntry, out var certificate)
        && data.TryGetValue(AuthorityEntry, out var authority)
            ? ServingCertificate.TryRead(
                new(Encoding.UTF8.GetString(key), Encoding.UTF8.GetString(certificate), Encoding.UTF8.GetString(authority))
            )
            : null;

    private Secret NewSecret() =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Secret",
            Metadata = new()
            {
                Name = _options.SecretName,
                Namespace = _options.Namespace,
                Labels = new Dictionary<string, string>
                {
                    ["app.kubernetes.io/name"] = "knative-serving",
                    ["app.kubernetes.io/component"] = _options.Component,
                },
            },
        };

    private static Secret Fill(Secret secret, ServingCertificatePems pems) =>
        secret with
        {
            Data = new Dictionary<string, byte[]>(secret.Data ?? new Dictionary<string, byte[]>())
            {
                [KeyEntry] = Encoding.UTF8.GetBytes(pems.Key),
                [CertificateEntry] = Encoding.UTF8.GetBytes(pems.Certificate),
                [AuthorityEntry] = Encoding.UTF8.GetBytes(pems.Authorities),
            },
        };

    // Keeps the newest previous authority unless it has expired.
    private string StillValid(string authorities)
    {
        var known = new X509Certificate2Collection();
        try
        {
            known.ImportFromPem(authorities);
            return known.FirstOrDefault() is { } newest && newest.NotAfter.ToUniversalTime() > _time.GetUtcNow().UtcDateTime
                ? newest.ExportCertificatePem() + "\n"
                : "";
        }
        catch (CryptographicException unreadable)
        {
            _logger.LogWarning(unreadable, "The previous authorities in Secret {Secret} are invalid and are dropped", _options.SecretName);
            return "";
        }
        finally
        {
            foreach (var certificate in known)
            {
                certificate.Dispose();
            }
        }
    }
}

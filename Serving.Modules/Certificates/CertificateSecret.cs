using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.Certificates;

/// <summary>
/// A serving certificate that replicas share through a Secret. A replica that finds it missing, invalid or about to expire writes a new one;
/// on a conflict it uses the one written by the other replica. A new certificate keeps the previous authority beside its own, even if the
/// Secret was deleted or corrupted meanwhile, so that trust is not interrupted while replicas switch over.
/// </summary>
public sealed class CertificateSecret : ICertificateSource
{
    private const string KeyEntry = "server-key.pem";
    private const string CertificateEntry = "server-cert.pem";
    private const string AuthorityEntry = "ca-cert.pem";
    private const int Attempts = 5;

    private readonly CertificateSecretOptions options;
    private readonly TimeProvider time;
    private readonly ILogger<CertificateSecret> logger;
    private ServingCertificate? last;

    /// <param name="options">The Secret, and the Service that the certificate is for.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs when a certificate is created.</param>
    public CertificateSecret(CertificateSecretOptions options, TimeProvider time, ILogger<CertificateSecret> logger)
    {
        ArgumentNullException.ThrowIfNull(options);
        this.options = options;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>The certificate for serving, created and stored if necessary.</summary>
    public async Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        for (var attempt = 1; ; attempt++)
        {
            var stored = await FindAsync(client, cancellation).ConfigureAwait(false);
            var current = stored is null ? null : Read(stored);
            var renewAt = time.GetUtcNow() + options.RenewBefore;
            if (current is not null && current.NotAfter > renewAt)
            {
                return last = current;
            }

            var next = CertificateAuthority.Issue(
                options.ServiceName, options.Namespace, options.ClusterDomain, time.GetUtcNow(), options.Lifetime);
            if ((current ?? last) is { } previous)
            {
                next = next with { Authorities = next.Authorities + StillValid(previous.Pems.Authorities) };
            }

            try
            {
                var written = stored is null
                    ? await client.CreateAsync(Resources.Secrets, Fill(NewSecret(), next), cancellation).ConfigureAwait(false)
                    : await client.UpdateAsync(Resources.Secrets, Fill(stored, next), cancellation).ConfigureAwait(false);
                logger.LogInformation("Created a certificate for {Service} in Secret {Secret}", options.ServiceName, ObjectKey.Of(written));
                return last = ServingCertificate.TryRead(next) ?? throw new InvalidOperationException($"the certificate created for {options.ServiceName} is invalid");
            }
            catch (KubernetesException lost) when ((lost.IsConflict || lost.IsAlreadyExists || lost.IsNotFound) && attempt < Attempts)
            {
                logger.LogDebug("Another replica wrote Secret {Secret} first", options.SecretName);
            }
        }
    }

    /// <inheritdoc/>
    public async Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        var read = await FindAsync(client, cancellation).ConfigureAwait(false) is { } stored ? Read(stored) : null;
        last = read ?? last;
        return read;
    }

    private async Task<Secret?> FindAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        try
        {
            return await client.GetAsync(Resources.Secrets, options.Namespace, options.SecretName, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException missing) when (missing.IsNotFound)
        {
            return null;
        }
    }

    private static ServingCertificate? Read(Secret secret)
        => secret.Data is { } data
            && data.TryGetValue(KeyEntry, out var key) && data.TryGetValue(CertificateEntry, out var certificate) && data.TryGetValue(AuthorityEntry, out var authority)
                ? ServingCertificate.TryRead(new(Encoding.UTF8.GetString(key), Encoding.UTF8.GetString(certificate), Encoding.UTF8.GetString(authority)))
                : null;

    private Secret NewSecret() => new()
    {
        ApiVersion = "v1",
        Kind = "Secret",
        Metadata = new()
        {
            Name = options.SecretName,
            Namespace = options.Namespace,
            Labels = new Dictionary<string, string>
            {
                ["app.kubernetes.io/name"] = "knative-serving",
                ["app.kubernetes.io/component"] = options.Component,
            },
        },
    };

    private static Secret Fill(Secret secret, ServingCertificatePems pems)
        => secret with
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
            return known.FirstOrDefault() is { } newest && newest.NotAfter.ToUniversalTime() > time.GetUtcNow().UtcDateTime
                ? newest.ExportCertificatePem() + "\n"
                : "";
        }
        catch (CryptographicException unreadable)
        {
            logger.LogWarning(unreadable, "The previous authorities in Secret {Secret} are invalid and are dropped", options.SecretName);
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

using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes;

namespace Serving.Certificates;

/// <summary>
/// A serving certificate that a process creates for itself and does not store: for a webhook that is reached by address instead of through a
/// Service. Replaced before it expires; the previous authority stays trusted beside the new one.
/// </summary>
public sealed class TransientCertificate : ICertificateSource
{
    private readonly string host;
    private readonly TimeProvider time;
    private readonly ILogger<TransientCertificate> logger;
    private ServingCertificate? current;

    /// <param name="host">The DNS name or IP address that clients connect to.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs when a certificate is created.</param>
    public TransientCertificate(string host, TimeProvider time, ILogger<TransientCertificate> logger)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        this.host = host;
        this.time = time;
        this.logger = logger;
    }

    /// <summary>How long a certificate is valid.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long before its expiry a certificate is replaced.</summary>
    public TimeSpan RenewBefore { get; init; } = TimeSpan.FromDays(3);

    /// <inheritdoc/>
    public Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if (current is null || current.NotAfter <= time.GetUtcNow() + RenewBefore)
        {
            var next = IPAddress.TryParse(host, out var address)
                ? CertificateAuthority.Issue(host, [], [address], time.GetUtcNow(), Lifetime)
                : CertificateAuthority.Issue(host, [host], [], time.GetUtcNow(), Lifetime);
            if (current is not null)
            {
                next = next with { Authorities = next.Authorities + ServingCertificatePems.Newest(current.Pems.Authorities) };
            }

            current = ServingCertificate.TryRead(next) ?? throw new InvalidOperationException($"the certificate created for {host} is invalid");
            logger.LogInformation("Created a certificate for {Host}", host);
        }

        return Task.FromResult(current);
    }

    /// <inheritdoc/>
    public Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation) => Task.FromResult(current);
}

using System.Net;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes.Client;

namespace Serving.Certificates;

/// <summary>
/// A serving certificate that a process creates for itself and does not store: for a webhook that is reached by address instead of through
/// a Service. Replaced before it expires; the previous authority stays trusted beside the new one.
/// </summary>
public sealed class TransientCertificate : ICertificateSource
{
    private readonly string _host;
    private readonly TimeProvider _time;
    private readonly ILogger<TransientCertificate> _logger;
    private ServingCertificate? _current;

    /// <param name="host">The DNS name or IP address that clients connect to.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Logs when a certificate is created.</param>
    public TransientCertificate(string host, TimeProvider time, ILogger<TransientCertificate> logger)
    {
        ArgumentException.ThrowIfNullOrEmpty(host);
        _host = host;
        _time = time;
        _logger = logger;
    }

    /// <summary>How long a certificate is valid.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromDays(30);

    /// <summary>How long before its expiry a certificate is replaced.</summary>
    public TimeSpan RenewBefore { get; init; } = TimeSpan.FromDays(3);

    /// <inheritdoc/>
    public Task<ServingCertificate> EnsureAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        if (_current is null || _current.NotAfter <= _time.GetUtcNow() + RenewBefore)
        {
            var next = IPAddress.TryParse(_host, out var address)
                ? CertificateAuthority.Issue(_host, [], [address], _time.GetUtcNow(), Lifetime)
                : CertificateAuthority.Issue(_host, [_host], [], _time.GetUtcNow(), Lifetime);
            if (_current is not null)
            {
                next = next with { Authorities = next.Authorities + ServingCertificatePems.Newest(_current.Pems.Authorities) };
            }

            _current =
                ServingCertificate.TryRead(next) ?? throw new InvalidOperationException($"the certificate created for {_host} is invalid");
            _logger.LogInformation("Created a certificate for {Host}", _host);
        }

        return Task.FromResult(_current);
    }

    /// <inheritdoc/>
    public Task<ServingCertificate?> ReadAsync(IKubernetesClient client, CancellationToken cancellation) => Task.FromResult(_current);
}

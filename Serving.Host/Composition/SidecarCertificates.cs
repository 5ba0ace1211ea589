using Microsoft.Extensions.Hosting;
using Serving.Api;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Certificates;
using Serving.Kubernetes.Informers;

namespace Serving.Host.Composition;

/// <summary>
/// Exports when the certificates of the queue-proxies expire, where the controller runs that requests them: it watches Certificates
/// anyway, and their status has the date, so that no Secret is read.
/// </summary>
/// <param name="informers">Provide the Certificates.</param>
internal sealed class SidecarCertificates(IInformers informers) : IHostedService
{
    private readonly ILister<Certificate> _certificates = informers.For(Resources.Certificates).Lister;
    private IDisposable? _expiry;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _expiry = ServedCertificates.Follow(Served);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        _expiry?.Dispose();
        return Task.CompletedTask;
    }

    private IEnumerable<ServedCertificate> Served()
    {
        foreach (var certificate in _certificates.List())
        {
            if (certificate.Metadata.Name == NetworkingKeys.SidecarCertificate && certificate.Status.NotAfter is { } expires)
            {
                yield return new ServedCertificate(
                    ServedCertificates.QueueProxy,
                    certificate.Metadata.Namespace,
                    certificate.Spec.SecretName,
                    expires
                );
            }
        }
    }
}

using Serving.Api.CertManager;
using Serving.Kubernetes;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.CertManager;

/// <summary>
/// Detects whether the cluster has cert-manager, and provides its Certificates. Watching a kind that does not exist fails permanently, so
/// the watch starts only when discovery finds every required kind. Calls must not overlap.
/// </summary>
internal sealed class CertManagerApi(IInformers informers, IResourceDiscovery discovery, TimeProvider time)
{
    /// <summary>How often a cluster without cert-manager is checked again.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstList = TimeSpan.FromSeconds(2);

    private IInformer<CertManagerCertificate>? _made;
    private DateTimeOffset _askAgain;

    /// <summary>Called with the key of the Certificate whose cert-manager Certificate changed.</summary>
    public Action<ObjectKey>? Changed { get; set; }

    /// <summary>Cert-manager's Certificates; null, with the delay until the next check, when there is no cert-manager.</summary>
    public async Task<(ILister<CertManagerCertificate>? Made, TimeSpan Wait)> FindAsync(CancellationToken cancellation)
    {
        if (_made is null)
        {
            var now = time.GetUtcNow();
            if (now < _askAgain)
            {
                return (null, _askAgain - now);
            }

            if (!await IsThereAsync(cancellation))
            {
                _askAgain = now + Interval;
                return (null, Interval);
            }

            _made = informers.For(CertManagerResources.Certificates);
            _made.AddHandler(change => Tell(change.Object));
        }

        return _made.HasSynced ? (_made.Lister, default) : (null, FirstList);
    }

    private async Task<bool> IsThereAsync(CancellationToken cancellation)
    {
        foreach (var type in CertManagerResources.All)
        {
            if (await discovery.FindAsync(type.ApiVersion, type.Kind, cancellation) is null)
            {
                return false;
            }
        }

        return true;
    }

    private void Tell(CertManagerCertificate changed)
    {
        if (Ownership.ControllerOf(changed) is { Kind: "Certificate" } owner && owner.ApiVersion == ApiResources.Certificates.ApiVersion)
        {
            Changed?.Invoke(new ObjectKey(changed.Metadata.Namespace, owner.Name));
        }
    }
}

using Serving.Api.CertManager;
using Serving.Kubernetes;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.CertManager;

/// <summary>
/// Whether the cluster has cert-manager, and its Certificates when it does. Watching what does not exist fails for ever, so the watch
/// begins only once discovery finds every kind that is needed. One reconcile asks at a time.
/// </summary>
internal sealed class CertManagerApi(IInformers informers, IResourceDiscovery discovery, TimeProvider time)
{
    /// <summary>How often a cluster without cert-manager is asked for it.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan FirstList = TimeSpan.FromSeconds(2);

    private IInformer<CertManagerCertificate>? _made;
    private DateTimeOffset _askAgain;

    /// <summary>Called with the key of the Certificate that a changed one of cert-manager was made for.</summary>
    public Action<ObjectKey>? Changed { get; set; }

    /// <summary>Cert-manager's Certificates, or null and when to ask again.</summary>
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

using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using Serving.Kubernetes.Selectors;
using ApiResources = Serving.Api.Resources;

namespace Serving.Controller.NamespaceCertificates;

/// <summary>
/// Requests a wildcard certificate for each wildcard domain in the namespaces that the configuration selects: Routes use it instead of one
/// of their own. Invariant: only certificates that the namespace controls are updated or deleted.
/// </summary>
internal sealed class NamespaceCertificateReconciler(
    ILister<Namespace> namespaces,
    ILister<Certificate> certificates,
    Func<ConfigSnapshot> config,
    IEventRecorder events
) : IReconciler
{
    public string Name => "namespace";

    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        if (namespaces.Get("", key.Name) is not { Metadata.DeletionTimestamp: null } owner)
        {
            return Reconcile.Done;
        }

        // A certificate that cannot be created does not keep the others from being created.
        var steps = new StepFailures();
        var snapshot = config();
        var existing = certificates
            .List(owner.Metadata.Name)
            .Where(certificate => certificate.Metadata.Labels.ContainsKey(NetworkingKeys.WildcardDomain))
            .ToList();
        var domains = IsSelected(owner, snapshot.Network) ? snapshot.Domain.Wildcards : new HashSet<string>();
        foreach (var domain in domains.Order(StringComparer.Ordinal))
        {
            await steps.TryAsync(() => EnsureAsync(owner, domain, existing, snapshot.Network, client, cancellation), cancellation);
        }

        foreach (
            var certificate in existing.Where(certificate => certificate.IsControlledBy(owner) && !domains.Contains(DomainOf(certificate)))
        )
        {
            await steps.TryAsync(() => DeleteAsync(certificate, client, cancellation), cancellation);
        }

        foreach (var failure in steps.All.Where(static failure => failure is FormatException or NotOwnedException))
        {
            events.Warning(owner, "InternalError", failure.Message);
        }

        steps.Throw();
        return Reconcile.Done;
    }

    private async Task EnsureAsync(
        Namespace owner,
        string domain,
        List<Certificate> existing,
        NetworkConfig network,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var dnsName = WildcardName(owner.Metadata.Name, domain, network);
        if (existing.Exists(certificate => certificate.Spec.DnsNames.Contains(dnsName)))
        {
            // One certificate is enough, whoever requested it.
            return;
        }

        var wanted = NamespaceCertificateMaker.Make(
            owner,
            dnsName,
            domain,
            NetworkingKeys.CertificateClass.Value(owner.Metadata.Annotations) ?? network.CertificateClass
        );
        var (ns, name) = (wanted.Metadata.Namespace, wanted.Metadata.Name);
        if (existing.Find(certificate => certificate.IsControlledBy(owner) && DomainOf(certificate) == domain) is { } outdated)
        {
            try
            {
                await client.UpdateAsync(
                    ApiResources.Certificates,
                    outdated with
                    {
                        Spec = wanted.Spec.Keeping(outdated.Spec),
                    },
                    cancellation
                );
                events.Normal(outdated, "Updated", $"Updated Spec for Knative Certificate {ns}/{name}");
            }
            catch (KubernetesException error)
            {
                events.Warning(
                    outdated,
                    "UpdateFailed",
                    $"Failed to update Knative Certificate {ns}/{outdated.Metadata.Name}: {error.Message}"
                );
                throw;
            }

            return;
        }

        await ChildObjects.CreateAsync(
            client,
            ApiResources.Certificates,
            wanted,
            owner,
            cancellation,
            new ChildEvents(events, $"Knative Certificate {ns}/{name}")
            {
                NotCreated = $"Knative certificate {ns}/{name}",
                CreatedIsAboutChild = true,
            }
        );
    }

    private async Task DeleteAsync(Certificate certificate, IKubernetesClient client, CancellationToken cancellation)
    {
        var (ns, name) = (certificate.Metadata.Namespace, certificate.Metadata.Name);
        try
        {
            if (await ChildObjects.DeleteAsync(client, ApiResources.Certificates, ns, name, cancellation))
            {
                events.Normal(certificate, "Deleted", $"Deleted Knative Certificate {ns}/{name}");
            }
        }
        catch (KubernetesException error)
        {
            events.Normal(certificate, "DeleteFailed", $"Failed to delete Knative Certificate {ns}/{name}: {error.Message}");
            throw;
        }
    }

    private static bool IsSelected(Namespace owner, NetworkConfig network) =>
        network.NamespaceWildcardCertSelector is { } selector && LabelMatcher.Of(selector).Matches(owner.Metadata.Labels);

    /// <summary>The wildcard name: the domain template applied to a star. Throws <see cref="FormatException"/> when the result is not a
    /// wildcard.</summary>
    private static string WildcardName(string ns, string domain, NetworkConfig network)
    {
        string name;
        try
        {
            name = network.DomainName(new DomainTemplateValues("*", ns, domain));
        }
        catch (Exception error) when (error is FormatException or NotOwnedException)
        {
            throw new FormatException(Failure(ns, domain, network, error.Message), error);
        }

        return name.Length > 2 && name.StartsWith("*.", StringComparison.Ordinal)
            ? name
            : throw new FormatException(Failure(ns, domain, network, "invalid DomainTemplate: " + name));
    }

    private static string Failure(string ns, string domain, NetworkConfig network, string why) =>
        $"failed to apply domain template {network.DomainTemplate} to domain {domain} and namespace {ns}: {why}";

    private static string DomainOf(Certificate certificate) => certificate.Metadata.Labels.Get(NetworkingKeys.WildcardDomain);
}

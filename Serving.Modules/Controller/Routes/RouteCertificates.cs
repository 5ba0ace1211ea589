using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes;
using ApiResources = Serving.Api.Resources;
using RouteWork = Serving.Controller.Common.Work<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>What TLS adds to an Ingress.</summary>
internal sealed record RouteTls(List<IngressTls> Tls, List<Http01Challenge> Challenges);

/// <summary>Asks for the Certificates of a Route's hosts and says in its status and URLs how far they are.</summary>
internal sealed class RouteCertificates(RouteListers listers, IEventRecorder events, string clusterDomain)
{
    public async Task<RouteTls> EnsureAsync(
        RouteWork work, IReadOnlyCollection<string> tags, Func<string, bool> isLocal, RouteDomains domains, ConfigSnapshot config, StepFailures steps,
        CancellationToken cancellation)
    {
        var result = new RouteTls([], []);
        var certificateClass = NetworkingKeys.CertificateClass.Value(work.Resource.Metadata.Annotations) ?? config.Network.CertificateClass;
        var external = IsEnabled(work.Resource.Metadata.Annotations, config.Network);
        var any = false;
        if (!external)
        {
            work.Status = work.Status.MarkTlsNotEnabled(RouteLifecycle.ExternalDomainTlsNotEnabled, work.Now);
        }
        else
        {
            any = await ExternalAsync(work, tags, isLocal, domains, config.Network, certificateClass, result, steps, cancellation).ConfigureAwait(false);
        }

        if (config.Network.ClusterLocalDomainTls)
        {
            await ClusterLocalAsync(work, tags, domains, certificateClass, result, steps, cancellation).ConfigureAwait(false);
        }
        else if (external && !any)
        {
            work.Status = work.Status.MarkTlsNotEnabled(RouteLifecycle.TlsNotEnabledForClusterLocal, work.Now);
        }

        return result;
    }

    /// <summary>Whether external domains are served by TLS and the object does not opt out.</summary>
    public static bool IsEnabled(IReadOnlyDictionary<string, string> annotations, NetworkConfig network)
        => network.ExternalDomainTls
            && !(NetworkingKeys.DisableExternalDomainTls.Value(annotations) is "1" or "t" or "T" or "true" or "TRUE" or "True");

    private async Task<bool> ExternalAsync(
        RouteWork work,
        IReadOnlyCollection<string> tags,
        Func<string, bool> isLocal,
        RouteDomains domains,
        NetworkConfig network,
        string certificateClass,
        RouteTls result,
        StepFailures steps,
        CancellationToken cancellation)
    {
        var hosts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            var host = domains.Domain(tag, isLocal(tag));
            if (!domains.IsClusterLocal(host))
            {
                hosts[host] = tag;
            }
        }

        var wildcards = listers.Certificates.ByLabel(work.Namespace, NetworkingKeys.WildcardDomain, domains.BaseDomain);
        foreach (var (host, tag) in hosts)
        {
            var wanted = CertificateMaker.External(
                ApiResources.Routes, work.Resource, ServingKeys.Route, CertificateMaker.NameOf(work.Resource, tag), host, domains.BaseDomain, certificateClass);
            var wildcard = wildcards.FirstOrDefault(certificate => Matches(certificate, host));
            var certificate = wildcard ?? await EnsureAsync(work, wanted, steps, cancellation).ConfigureAwait(false);
            IReadOnlyList<string> names = wildcard is null ? certificate.Spec.DnsNames : [host];
            SetScheme(work, names, "https");
            if (CertificateLifecycle.IsReady(certificate))
            {
                if (ConditionSet.IsTrue(certificate.Status.Conditions, CertificateLifecycle.Renewing))
                {
                    result.Challenges.AddRange(certificate.Status.Http01Challenges);
                }

                work.Status = work.Status.MarkCertificateReady(work.Now);
                result.Tls.Add(CertificateAccess.IngressTls(certificate, [.. names.Order(StringComparer.Ordinal)]));
                continue;
            }

            result.Challenges.AddRange(certificate.Status.Http01Challenges);
            MarkUnready(work, certificate);
            if (network.HttpProtocol == HttpProtocol.Enabled)
            {
                SetScheme(work, names, "http");
                work.Status = certificate.Metadata.Uid.Length > 0 ? work.Status.MarkHttpDowngrade(certificate.Metadata.Name, work.Now) : work.Status;
            }
        }

        result.Challenges.Sort((a, b) => string.CompareOrdinal(a.Url, b.Url));
        await DeleteUnusedAsync(work, CertificateMaker.ExternalDomain, hosts.Keys, cancellation).ConfigureAwait(false);
        return hosts.Count > 0;
    }

    private async Task ClusterLocalAsync(
        RouteWork work, IReadOnlyCollection<string> tags, RouteDomains domains, string certificateClass, RouteTls result, StepFailures steps,
        CancellationToken cancellation)
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            var hosts = domains.Expand(domains.Domain(tag, clusterLocal: true));
            used.UnionWith(hosts);
            var wanted = CertificateMaker.ClusterLocal(work.Resource, tag, hosts, clusterDomain, certificateClass);
            var certificate = await EnsureAsync(work, wanted, steps, cancellation).ConfigureAwait(false);
            if (!CertificateLifecycle.IsReady(certificate))
            {
                MarkUnready(work, certificate);
                continue;
            }

            // The Route's own URLs follow; those of its tags in the cluster keep their scheme, as clients of Knative know it.
            work.Status = work.Status.MarkCertificateReady(work.Now) with
            {
                Url = WithScheme(work.Status.Url, hosts, "https"),
                Address = work.Status.Address is { } address ? address with { Url = WithScheme(address.Url, "https") } : null,
            };
            result.Tls.Add(CertificateAccess.IngressTls(certificate, hosts));
        }

        await DeleteUnusedAsync(work, CertificateMaker.ClusterLocalDomain, used, cancellation).ConfigureAwait(false);
    }

    // One that was never created has no uid: it counts as failed.
    private static void MarkUnready(RouteWork work, Certificate certificate)
        => work.Status = CertificateLifecycle.IsFailed(certificate) || certificate.Metadata.Uid.Length == 0
            ? work.Status.MarkCertificateProvisionFailed(certificate, work.Now)
            : work.Status.MarkCertificateNotReady(certificate, work.Now);

    /// <summary>
    /// The Certificate. When it is refused that is a failure of <paramref name="steps"/>, and the one that is there serves on; when there
    /// is none the wanted one stands for it, which is not ready.
    /// </summary>
    private async Task<Certificate> EnsureAsync(RouteWork work, Certificate wanted, StepFailures steps, CancellationToken cancellation)
    {
        try
        {
            return await CertificateAccess.EnsureAsync(work.Resource, wanted, listers.Certificates, work.Client, events, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is ChildRefusedException or KubernetesException { IsConflict: false, IsAlreadyExists: false })
        {
            steps.Add(error);
            return listers.Certificates.Get(work.Namespace, wanted.Metadata.Name) ?? wanted;
        }
    }

    private async Task DeleteUnusedAsync(RouteWork work, string type, ICollection<string> used, CancellationToken cancellation)
    {
        foreach (var certificate in listers.Certificates.ByLabel(work.Namespace, ServingKeys.Route, work.Name))
        {
            if (certificate.Metadata.Labels.Get(NetworkingKeys.CertificateType) != type || certificate.Spec.DnsNames.Any(used.Contains))
            {
                continue;
            }

            try
            {
                await work.Client.DeleteAsync(ApiResources.Certificates, work.Namespace, certificate.Metadata.Name, cancellation).ConfigureAwait(false);
                events.Normal(certificate, "Deleted", $"Deleted orphaned Knative Certificate {work.Namespace}/{certificate.Metadata.Name}");
            }
            catch (KubernetesException error) when (!error.IsNotFound)
            {
                events.Normal(certificate, "DeleteFailed", $"Failed to delete orphaned Knative Certificate {work.Namespace}/{certificate.Metadata.Name}: {error.Message}");
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                // Gone already, which is what was wanted.
            }
        }
    }

    private static bool Matches(Certificate wildcard, string host)
        => host.Split('.', 2) is [_, var parent] && wildcard.Spec.DnsNames.Any(name => name.Split('.', 2) is [_, var rest] && rest == parent);

    private static void SetScheme(RouteWork work, IReadOnlyList<string> hosts, string scheme)
        => work.Status = work.Status with
        {
            Url = WithScheme(work.Status.Url, hosts, scheme),
            Traffic = [.. work.Status.Traffic.Select(target => target with { Url = WithScheme(target.Url, hosts, scheme) })],
        };

    private static string WithScheme(string url, IReadOnlyList<string> hosts, string scheme)
        => Uri.TryCreate(url, UriKind.Absolute, out var uri) && hosts.Contains(uri.Host) ? WithScheme(url, scheme) : url;

    private static string WithScheme(string url, string scheme) => scheme + url[url.IndexOf("://", StringComparison.Ordinal)..];
}

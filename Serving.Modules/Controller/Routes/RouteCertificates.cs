using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using RoutePass = Serving.Kubernetes.Reconcilers.ReconcilePass<Serving.Api.Knative.Route, Serving.Api.Knative.RouteStatus>;

namespace Serving.Controller.Routes;

/// <summary>The TLS part of an Ingress.</summary>
internal sealed record RouteTls(List<IngressTls> Tls, List<Http01Challenge> Challenges);

/// <summary>Requests the Certificates of a Route's hosts and reports them in the Route's status and URLs.</summary>
internal sealed class RouteCertificates(RouteListers listers, IEventRecorder events, string clusterDomain)
{
    public async Task<RouteTls> EnsureAsync(
        RoutePass pass,
        IReadOnlyCollection<string> tags,
        Func<string, bool> isLocal,
        RouteDomains domains,
        ConfigSnapshot config,
        CancellationToken cancellation
    )
    {
        var result = new RouteTls([], []);
        var certificateClass = NetworkingKeys.CertificateClass.Value(pass.Object.Metadata.Annotations) ?? config.Network.CertificateClass;
        var external = IsEnabled(pass.Object.Metadata.Annotations, config.Network);
        var any = false;
        if (!external)
        {
            pass.Status = pass.Status.MarkTlsNotEnabled(RouteLifecycle.ExternalDomainTlsNotEnabled, pass.Now);
        }
        else
        {
            any = await ExternalAsync(pass, tags, isLocal, domains, config.Network, certificateClass, result, cancellation);
        }

        if (config.Network.ClusterLocalDomainTls)
        {
            await ClusterLocalAsync(pass, tags, domains, certificateClass, result, cancellation);
        }
        else if (external && !any)
        {
            pass.Status = pass.Status.MarkTlsNotEnabled(RouteLifecycle.TlsNotEnabledForClusterLocal, pass.Now);
        }

        return result;
    }

    /// <summary>Whether external domains use TLS and the object does not opt out.</summary>
    public static bool IsEnabled(IReadOnlyDictionary<string, string> annotations, NetworkConfig network) =>
        network.ExternalDomainTls
        && !(NetworkingKeys.DisableExternalDomainTls.Value(annotations) is "1" or "t" or "T" or "true" or "TRUE" or "True");

    private async Task<bool> ExternalAsync(
        RoutePass pass,
        IReadOnlyCollection<string> tags,
        Func<string, bool> isLocal,
        RouteDomains domains,
        NetworkConfig network,
        string certificateClass,
        RouteTls result,
        CancellationToken cancellation
    )
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

        var wildcards = listers.Certificates.ByLabel(pass.Namespace, NetworkingKeys.WildcardDomain, domains.BaseDomain);
        foreach (var (host, tag) in hosts)
        {
            var wanted = CertificateMaker.External(
                ApiResources.Routes,
                pass.Object,
                ServingKeys.Route,
                CertificateMaker.NameOf(pass.Object, tag),
                host,
                domains.BaseDomain,
                certificateClass
            );
            var wildcard = wildcards.FirstOrDefault(certificate => Matches(certificate, host));
            var certificate = wildcard ?? await EnsureAsync(pass, wanted, cancellation);
            IReadOnlyList<string> names = wildcard is null ? certificate.Spec.DnsNames : [host];
            SetScheme(pass, names, "https");
            if (CertificateLifecycle.IsReady(certificate))
            {
                if (ConditionSet.IsTrue(certificate.Status.Conditions, CertificateLifecycle.Renewing))
                {
                    result.Challenges.AddRange(certificate.Status.Http01Challenges);
                }

                pass.Status = pass.Status.MarkCertificateReady(pass.Now);
                result.Tls.Add(CertificateAccess.IngressTls(certificate, [.. names.Order(StringComparer.Ordinal)]));
                continue;
            }

            result.Challenges.AddRange(certificate.Status.Http01Challenges);
            MarkUnready(pass, certificate);
            if (network.HttpProtocol == HttpProtocol.Enabled)
            {
                SetScheme(pass, names, "http");
                pass.Status =
                    certificate.Metadata.Uid.Length > 0 ? pass.Status.MarkHttpDowngrade(certificate.Metadata.Name, pass.Now) : pass.Status;
            }
        }

        result.Challenges.Sort((a, b) => string.CompareOrdinal(a.Url, b.Url));
        await DeleteUnusedAsync(pass, CertificateMaker.ExternalDomain, hosts.Keys, cancellation);
        return hosts.Count > 0;
    }

    private async Task ClusterLocalAsync(
        RoutePass pass,
        IReadOnlyCollection<string> tags,
        RouteDomains domains,
        string certificateClass,
        RouteTls result,
        CancellationToken cancellation
    )
    {
        var used = new HashSet<string>(StringComparer.Ordinal);
        foreach (var tag in tags)
        {
            var hosts = domains.Expand(domains.Domain(tag, clusterLocal: true));
            used.UnionWith(hosts);
            var wanted = CertificateMaker.ClusterLocal(pass.Object, tag, hosts, clusterDomain, certificateClass);
            var certificate = await EnsureAsync(pass, wanted, cancellation);
            if (!CertificateLifecycle.IsReady(certificate))
            {
                MarkUnready(pass, certificate);
                continue;
            }

            // Only the Route's own URLs change; the cluster-local URLs of its tags keep their scheme, as in Knative.
            pass.Status = pass.Status.MarkCertificateReady(pass.Now) with
            {
                Url = WithScheme(pass.Status.Url, hosts, "https"),
                Address = pass.Status.Address is { } address ? address with { Url = WithScheme(address.Url, "https") } : null,
            };
            result.Tls.Add(CertificateAccess.IngressTls(certificate, hosts));
        }

        await DeleteUnusedAsync(pass, CertificateMaker.ClusterLocalDomain, used, cancellation);
    }

    // A Certificate that was never created has no uid: it counts as failed.
    private static void MarkUnready(RoutePass pass, Certificate certificate) =>
        pass.Status =
            CertificateLifecycle.IsFailed(certificate) || certificate.Metadata.Uid.Length == 0
                ? pass.Status.MarkCertificateProvisionFailed(certificate, pass.Now)
                : pass.Status.MarkCertificateNotReady(certificate, pass.Now);

    /// <summary>
    /// Creates or updates the Certificate. A rejection is a failure of the pass, and an existing Certificate stays in use; without one the
    /// wanted Certificate, which is not ready, is returned.
    /// </summary>
    private async Task<Certificate> EnsureAsync(RoutePass pass, Certificate wanted, CancellationToken cancellation)
    {
        try
        {
            return await CertificateAccess.EnsureAsync(pass.Object, wanted, listers.Certificates, pass.Client, events, cancellation);
        }
        catch (Exception error) when (error is ChildRefusedException or KubernetesException { IsConflict: false, IsAlreadyExists: false })
        {
            pass.Failures.Add(error);
            return listers.Certificates.Get(pass.Namespace, wanted.Metadata.Name) ?? wanted;
        }
    }

    private async Task DeleteUnusedAsync(RoutePass pass, string type, ICollection<string> used, CancellationToken cancellation)
    {
        foreach (var certificate in listers.Certificates.ByLabel(pass.Namespace, ServingKeys.Route, pass.Name))
        {
            if (certificate.Metadata.Labels.Get(NetworkingKeys.CertificateType) != type || certificate.Spec.DnsNames.Any(used.Contains))
            {
                continue;
            }

            try
            {
                if (
                    await ChildObjects.DeleteAsync(
                        pass.Client,
                        ApiResources.Certificates,
                        pass.Namespace,
                        certificate.Metadata.Name,
                        cancellation
                    )
                )
                {
                    events.Normal(
                        certificate,
                        "Deleted",
                        $"Deleted orphaned Knative Certificate {pass.Namespace}/{certificate.Metadata.Name}"
                    );
                }
            }
            catch (KubernetesException error)
            {
                events.Normal(
                    certificate,
                    "DeleteFailed",
                    $"Failed to delete orphaned Knative Certificate {pass.Namespace}/{certificate.Metadata.Name}: {error.Message}"
                );
            }
        }
    }

    private static bool Matches(Certificate wildcard, string host) =>
        host.Split('.', 2) is [_, var parent] && wildcard.Spec.DnsNames.Any(name => name.Split('.', 2) is [_, var rest] && rest == parent);

    private static void SetScheme(RoutePass pass, IReadOnlyList<string> hosts, string scheme) =>
        pass.Status = pass.Status with
        {
            Url = WithScheme(pass.Status.Url, hosts, scheme),
            Traffic = [.. pass.Status.Traffic.Select(target => target with { Url = WithScheme(target.Url, hosts, scheme) })],
        };

    private static string WithScheme(string url, IReadOnlyList<string> hosts, string scheme) =>
        Uri.TryCreate(url, UriKind.Absolute, out var uri) && hosts.Contains(uri.Host) ? WithScheme(url, scheme) : url;

    private static string WithScheme(string url, string scheme) => scheme + url[url.IndexOf("://", StringComparison.Ordinal)..];
}

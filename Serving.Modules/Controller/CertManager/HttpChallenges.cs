using Serving.Api;
using Serving.Api.CertManager;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Controller.CertManager.Resources;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;

namespace Serving.Controller.CertManager;

/// <summary>Finds the Services of cert-manager's HTTP-01 solvers.</summary>
internal sealed class HttpChallenges(ILister<CoreService> services)
{
    /// <summary>A label of the solver's Service: a checksum of the domain.</summary>
    public const string DomainLabel = "acme.cert-manager.io/http-domain";

    private const string Path = "/.well-known/acme-challenge";

    /// <summary>
    /// The paths that must be routed for the domains of a certificate, or null when its issuer uses another kind of challenge. Throws
    /// <see cref="ChallengeException"/> while a domain has no solver.
    /// </summary>
    public async Task<IReadOnlyList<Http01Challenge>?> FindAsync(
        Certificate certificate,
        CertManagerCertificate made,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var ns = certificate.Metadata.Namespace;
        var reference = made.Spec.IssuerRef;
        var issuer =
            reference.Kind == CertManagerResources.Issuers.Kind
                ? await client.GetAsync(CertManagerResources.Issuers, ns, reference.Name, cancellation)
                : await client.GetAsync(CertManagerResources.ClusterIssuers, null, reference.Name, cancellation);
        if (!issuer.ChecksByHttp)
        {
            return null;
        }

        var open = new List<Http01Challenge>();
        foreach (var dnsName in made.Spec.DnsNames)
        {
            var checksum = Adler32.Decimal(dnsName);
            var solvers = services
                .ByLabel(ns, DomainLabel, checksum)
                .OrderBy(service => service.Metadata.Name, StringComparer.Ordinal)
                .ToList();
            if (solvers.Count == 0 && dnsName != CertManagerCertificateMaker.ShortPrefix + certificate.Spec.Domain)
            {
                throw new ChallengeException($"no challenge solver service for domain {dnsName}; selector={DomainLabel}={checksum}");
            }

            foreach (var solver in solvers)
            {
                if (solver.Metadata.OwnerReferences is [var owner, ..] && solver.Spec?.Ports is [{ TargetPort: { } port }, ..])
                {
                    var challenge = await client.GetAsync(CertManagerResources.Challenges, ns, owner.Name, cancellation);
                    open.Add(
                        new Http01Challenge
                        {
                            ServiceName = solver.Metadata.Name,
                            ServiceNamespace = ns,
                            ServicePort = port,
                            Url = $"http://{challenge.Spec.DnsName}{Path}/{challenge.Spec.Token}",
                        }
                    );
                }
            }
        }

        return open;
    }
}

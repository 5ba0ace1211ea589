using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Controller.Common;
using Serving.Controller.DomainMappings.Resources;
using Serving.Controller.Routes;
using Serving.Controller.Routes.Resources;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ApiResources = Serving.Api.Resources;
using MappingPass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Knative.DomainMapping,
    Serving.Api.Knative.DomainMappingStatus
>;

namespace Serving.Controller.DomainMappings;

/// <summary>The caches that the DomainMapping reconciler reads.</summary>
internal sealed record DomainMappingListers(
    ILister<DomainMapping> Mappings,
    ILister<Ingress> Ingresses,
    ILister<Certificate> Certificates,
    ILister<ClusterDomainClaim> Claims
);

/// <summary>Claims the domain of a DomainMapping for its namespace and routes it to the mapping's reference.</summary>
internal sealed class DomainMappingReconciler(
    DomainMappingListers listers,
    MappedReferences references,
    ReferenceTracker tracker,
    Func<ConfigSnapshot> config,
    IEventRecorder events,
    TimeProvider time
)
    : StatusReconciler<DomainMapping, DomainMappingStatus>(
        ApiResources.DomainMappings,
        listers.Mappings,
        DomainMappingLifecycle.Conditions,
        events,
        time
    )
{
    /// <summary>Keeps a mapping until its claim is released; other implementations use the same name.</summary>
    private const string Finalizer = "domainmappings.serving.knative.dev";

    /// <summary>The longest delay until a change of a target that is not watched is noticed.</summary>
    private static readonly TimeSpan UntrackedInterval = TimeSpan.FromSeconds(30);

    public override string Name => "domainmapping";

    protected override DomainMappingStatus Blocked(DomainMappingStatus status, ChildException child, DateTimeOffset now) =>
        (child, child.Kind) switch
        {
            (NotOwnedException { Holder.Length: 0 }, "ClusterDomainClaim") => status,
            (NotOwnedException taken, "ClusterDomainClaim") => status.MarkDomainClaimNotOwned(now, taken.Holder),
            (NotOwnedException taken, "Certificate") => status.MarkCertificateNotOwned(child.Key.Name, now, taken.Holder),
            (NotOwnedException taken, _) => status.MarkIngressNotOwned(child.Key.Name, now, taken.Holder),
            (ChildRefusedException refused, "ClusterDomainClaim") => status.MarkDomainClaimFailed(refused.ConditionMessage, now),
            (ChildRefusedException refused, "Certificate") => status.MarkCertificateProvisionFailed(
                child.Key.Name,
                now,
                refused.Refusal.Status.Message
            ),
            (ChildRefusedException refused, _) => status.MarkIngressFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
            _ => status,
        };

    protected override void Forget(ObjectKey key) => tracker.Forget(key);

    protected override async Task DeletingAsync(DomainMapping resource, IKubernetesClient client, CancellationToken cancellation)
    {
        if (!resource.Metadata.Finalizers.Contains(Finalizer))
        {
            return;
        }

        if (
            config().Network.AutocreateClusterDomainClaims
            && listers.Claims.Get("", resource.Metadata.Name) is { } claim
            && claim.Spec.Namespace == resource.Metadata.Namespace
        )
        {
            await ChildObjects.DeleteAsync(client, ApiResources.ClusterDomainClaims, null, resource.Metadata.Name, cancellation);
        }

        await Finalizers.RemoveAsync(ApiResources.DomainMappings, resource, Finalizer, client, Events, cancellation);
    }

    protected override async Task ReconcileAsync(MappingPass pass, CancellationToken cancellation)
    {
        if (!pass.Object.Metadata.Finalizers.Contains(Finalizer))
        {
            // The claim must not outlive the mapping, so the finalizer is added first.
            pass.UseNewest(
                await Finalizers.AddAsync(ApiResources.DomainMappings, pass.Object, Finalizer, pass.Client, Events, cancellation)
            );
        }

        var mapping = pass.Object;
        if (mapping.Metadata.Generation != mapping.Status.ObservedGeneration)
        {
            pass.Status = pass.Status.MarkIngressNotConfigured(pass.Now);
        }

        var network = config().Network;
        var url = $"{network.DefaultExternalScheme}://{pass.Name}";
        pass.Status = pass.Status with
        {
            Url = url,
            Address = new Addressable { Url = url },
        };
        await ClaimAsync(pass, network, cancellation);

        // A rejected Certificate must not keep the Ingress from following the reference.
        var (tls, challenges) = await TlsAsync(pass, network, cancellation);
        var target = await references.ResolveAsync(mapping, pass.Client, cancellation);
        pass.LookAgain(target.IsTracked ? null : UntrackedInterval);
        if (target.Problem is { } problem)
        {
            if (ConditionSet.Get(mapping.Status.Conditions, DomainMappingLifecycle.ReferenceResolved)?.Message != problem)
            {
                Events.Warning(mapping, "InternalError", target.Failure!);
            }

            pass.Status = pass.Status.MarkReferenceNotResolved(problem, pass.Now);
            return;
        }

        pass.Status = pass.Status.MarkReferenceResolved(pass.Now);
        var wanted = DomainMappingIngressMaker.Make(
            mapping,
            new DomainMappingInput(
                target.Backend,
                target.Host,
                NetworkingKeys.IngressClass.Value(mapping.Metadata.Annotations) ?? network.IngressClass,
                IngressMaker.HttpOption(mapping.Metadata.Annotations, network),
                tls,
                challenges
            )
        );
        var existing = listers.Ingresses.Get(pass.Namespace, wanted.Metadata.Name);
        var ingress = await IngressAccess.EnsureAsync(mapping, existing, wanted, pass.Client, Events, cancellation);
        pass.Status =
            ingress.Metadata.Generation == ingress.Status.ObservedGeneration
                ? pass.Status.PropagateIngress(ingress, pass.Now)
                : pass.Status.MarkIngressNotConfigured(pass.Now, ingress);
    }

    private async Task ClaimAsync(MappingPass pass, NetworkConfig network, CancellationToken cancellation)
    {
        if (listers.Claims.Get("", pass.Name) is { } claim)
        {
            if (claim.Spec.Namespace != pass.Namespace)
            {
                throw NotClaimed(pass, claim);
            }
        }
        else if (!network.AutocreateClusterDomainClaims)
        {
            pass.Status = pass.Status.MarkDomainClaimMissing(pass.Name, pass.Namespace, pass.Now);
            throw new NotOwnedException(
                $"no ClusterDomainClaim found for domain \"{pass.Name}\" (and autocreate-cluster-domain-claims property is not true)",
                ApiResources.ClusterDomainClaims.Kind,
                new ObjectKey("", pass.Name),
                ""
            );
        }
        else
        {
            await CreateClaimAsync(pass, cancellation);
        }

        pass.Status = pass.Status.MarkDomainClaimed(pass.Now);
    }

    /// <summary>A claim has no owner: it belongs to the namespace that it names.</summary>
    private static async Task CreateClaimAsync(MappingPass pass, CancellationToken cancellation)
    {
        var wanted = new ClusterDomainClaim
        {
            ApiVersion = ApiResources.ClusterDomainClaims.ApiVersion,
            Kind = ApiResources.ClusterDomainClaims.Kind,
            Metadata = new ObjectMeta { Name = pass.Name },
            Spec = new ClusterDomainClaimSpec { Namespace = pass.Namespace },
        };
        var claim = await ChildObjects.CreateOrFindAsync(pass.Client, ApiResources.ClusterDomainClaims, wanted, cancellation);
        if (claim.Object.Spec.Namespace != pass.Namespace)
        {
            throw NotClaimed(pass, claim.Object);
        }
    }

    private static NotOwnedException NotClaimed(MappingPass pass, ClusterDomainClaim claim) =>
        new(
            $"namespace \"{pass.Namespace}\" does not own ClusterDomainClaim for \"{pass.Name}\"",
            ApiResources.ClusterDomainClaims.Kind,
            ObjectKey.Of(claim),
            $"It is namespace \"{claim.Spec.Namespace}\" that has claimed it."
        );

    private async Task<(IReadOnlyList<IngressTls> Tls, IReadOnlyList<Http01Challenge> Challenges)> TlsAsync(
        MappingPass pass,
        NetworkConfig network,
        CancellationToken cancellation
    )
    {
        if (pass.Object.Spec.Tls is { } own)
        {
            pass.Status = WithScheme(pass.Status.MarkCertificateNotRequired(pass.Now), pass.Name, "https");
            return (
                [
                    new IngressTls
                    {
                        Hosts = [pass.Name],
                        SecretName = own.SecretName,
                        SecretNamespace = pass.Namespace,
                    },
                ],
                []
            );
        }

        if (!RouteCertificates.IsEnabled(pass.Object.Metadata.Annotations, network))
        {
            pass.Status = pass.Status.MarkTlsNotEnabled(RouteLifecycle.ExternalDomainTlsNotEnabled, pass.Now);
            return ([], []);
        }

        var name = ChildName.Of(pass.Name, "");
        var wanted = CertificateMaker.External(
            ApiResources.DomainMappings,
            pass.Object,
            ServingKeys.DomainMappingUid,
            name,
            pass.Name,
            pass.Name,
            network.CertificateClass
        );
        Certificate certificate;
        try
        {
            certificate = await CertificateAccess.EnsureAsync(pass.Object, wanted, listers.Certificates, pass.Client, Events, cancellation);
        }
        catch (Exception error) when (error is ChildRefusedException or KubernetesException { IsConflict: false, IsAlreadyExists: false })
        {
            pass.Failures.Add(error);
            if (listers.Certificates.Get(pass.Namespace, name) is not { } known)
            {
                pass.Status = WithScheme(
                    pass.Status.MarkCertificateProvisionFailed(name, pass.Now),
                    pass.Name,
                    network.HttpProtocol == HttpProtocol.Enabled ? "http" : "https"
                );
                return ([], []);
            }

            certificate = known;
        }

        pass.Status = WithScheme(pass.Status, pass.Name, "https");
        if (CertificateLifecycle.IsReady(certificate))
        {
            pass.Status = pass.Status.MarkCertificateReady(pass.Now);
            return ([CertificateAccess.IngressTls(certificate, wanted.Spec.DnsNames)], []);
        }

        pass.Status =
            network.HttpProtocol == HttpProtocol.Enabled
                ? WithScheme(pass.Status.MarkHttpDowngrade(name, pass.Now), pass.Name, "http")
                : pass.Status.MarkCertificateNotReady(name, pass.Now);
        return ([], [.. certificate.Status.Http01Challenges.OrderBy(challenge => challenge.Url, StringComparer.Ordinal)]);
    }

    private static DomainMappingStatus WithScheme(DomainMappingStatus status, string host, string scheme) =>
        status with
        {
            Url = $"{scheme}://{host}",
            Address = new Addressable { Url = $"{scheme}://{host}" },
        };
}

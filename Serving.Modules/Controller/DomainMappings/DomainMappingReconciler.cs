using Serving.Api;
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
using ApiResources = Serving.Api.Resources;
using MappingWork = Serving.Controller.Common.Work<Serving.Api.Knative.DomainMapping, Serving.Api.Knative.DomainMappingStatus>;

namespace Serving.Controller.DomainMappings;

/// <summary>Where the DomainMapping reconciler reads.</summary>
internal sealed record DomainMappingListers(
    ILister<DomainMapping> Mappings, ILister<Ingress> Ingresses, ILister<Certificate> Certificates, ILister<ClusterDomainClaim> Claims);

/// <summary>Claims the domain of a DomainMapping for its namespace and leads it to what the mapping refers to.</summary>
internal sealed class DomainMappingReconciler(
    DomainMappingListers listers,
    MappedReferences references,
    ReferenceTracker tracker,
    Func<ConfigSnapshot> config,
    IEventRecorder events,
    TimeProvider time)
    : StatusReconciler<DomainMapping, DomainMappingStatus>(ApiResources.DomainMappings, listers.Mappings, DomainMappingLifecycle.Conditions, events, time)
{
    /// <summary>Holds a mapping until its claim is given back; the name that other implementations use too.</summary>
    private const string Finalizer = "domainmappings.serving.knative.dev";

    /// <summary>How long a change of a target of somebody else's kind may go unseen.</summary>
    private static readonly TimeSpan UntrackedInterval = TimeSpan.FromSeconds(30);

    public override string Name => "domainmapping";

    protected override DomainMappingStatus StatusOf(DomainMapping resource) => resource.Status;

    protected override DomainMapping WithStatus(DomainMapping resource, DomainMappingStatus status) => resource with { Status = status };

    protected override DomainMappingStatus WithConditions(DomainMappingStatus status, IReadOnlyList<Condition> conditions, long? observedGeneration)
        => status with { Conditions = conditions, ObservedGeneration = observedGeneration };

    protected override DomainMappingStatus Blocked(DomainMappingStatus status, ChildException child, DateTimeOffset now) => (child, child.Kind) switch
    {
        (NotOwnedException { Holder.Length: 0 }, "ClusterDomainClaim") => status,
        (NotOwnedException taken, "ClusterDomainClaim") => status.MarkDomainClaimNotOwned(now, taken.Holder),
        (NotOwnedException taken, "Certificate") => status.MarkCertificateNotOwned(child.Key.Name, now, taken.Holder),
        (NotOwnedException taken, _) => status.MarkIngressNotOwned(child.Key.Name, now, taken.Holder),
        (ChildRefusedException refused, "ClusterDomainClaim") => status.MarkDomainClaimFailed(refused.ConditionMessage, now),
        (ChildRefusedException refused, "Certificate") => status.MarkCertificateProvisionFailed(child.Key.Name, now, refused.Refusal.Status.Message),
        (ChildRefusedException refused, _) => status.MarkIngressFailed(ChildRefusedException.Reason, refused.ConditionMessage, now),
        _ => status,
    };

    protected override Task GoneAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        tracker.Forget(key);
        return Task.CompletedTask;
    }

    protected override async Task DeletingAsync(DomainMapping resource, IKubernetesClient client, CancellationToken cancellation)
    {
        if (!resource.Metadata.Finalizers.Contains(Finalizer))
        {
            return;
        }

        if (config().Network.AutocreateClusterDomainClaims
            && listers.Claims.Get("", resource.Metadata.Name) is { } claim && claim.Spec.Namespace == resource.Metadata.Namespace)
        {
            try
            {
                await client.DeleteAsync(ApiResources.ClusterDomainClaims, null, resource.Metadata.Name, cancellation).ConfigureAwait(false);
            }
            catch (KubernetesException error) when (error.IsNotFound)
            {
                // Given back already, which is what was wanted.
            }
        }

        await FinalizerAccess.RemoveAsync(ApiResources.DomainMappings, resource, Finalizer, client, Events, cancellation).ConfigureAwait(false);
    }

    protected override async Task<Reconcile> ReconcileAsync(MappingWork work, CancellationToken cancellation)
    {
        if (!work.Resource.Metadata.Finalizers.Contains(Finalizer))
        {
            // The claim must not outlive the mapping, so the hold comes first.
            work.GoOnFrom(await FinalizerAccess.AddAsync(
                ApiResources.DomainMappings, work.Resource, Finalizer, work.Client, Events, cancellation).ConfigureAwait(false));
        }

        var mapping = work.Resource;
        if (mapping.Metadata.Generation != mapping.Status.ObservedGeneration)
        {
            work.Status = work.Status.MarkIngressNotConfigured(work.Now);
        }

        var network = config().Network;
        var url = $"{network.DefaultExternalScheme}://{work.Name}";
        work.Status = work.Status with { Url = url, Address = new Addressable { Url = url } };
        await ClaimAsync(work, network, cancellation).ConfigureAwait(false);

        // A Certificate that is refused must not keep the Ingress from following the reference.
        var steps = new StepFailures();
        var (tls, challenges) = await TlsAsync(work, network, steps, cancellation).ConfigureAwait(false);
        var target = await references.ResolveAsync(mapping, work.Client, cancellation).ConfigureAwait(false);
        var again = target.IsTracked ? Reconcile.Done : Reconcile.After(UntrackedInterval);
        if (target.Problem is { } problem)
        {
            if (ConditionSet.Get(mapping.Status.Conditions, DomainMappingLifecycle.ReferenceResolved)?.Message != problem)
            {
                Events.Warning(mapping, "InternalError", target.Failure!);
            }

            work.Status = work.Status.MarkReferenceNotResolved(problem, work.Now);
            steps.Throw();
            return again;
        }

        work.Status = work.Status.MarkReferenceResolved(work.Now);
        var wanted = DomainMappingIngressMaker.Make(mapping, new DomainMappingInput(
            target.Backend,
            target.Host,
            NetworkingKeys.IngressClass.Value(mapping.Metadata.Annotations) ?? network.IngressClass,
            IngressMaker.HttpOption(mapping.Metadata.Annotations, network),
            tls,
            challenges));
        var existing = listers.Ingresses.Get(work.Namespace, wanted.Metadata.Name);
        var ingress = await IngressAccess.EnsureAsync(mapping, existing, wanted, work.Client, Events, cancellation).ConfigureAwait(false);
        work.Status = ingress.Metadata.Generation == ingress.Status.ObservedGeneration
            ? work.Status.PropagateIngress(ingress.Status, work.Now)
            : work.Status.MarkIngressNotConfigured(work.Now);
        steps.Throw();
        return again;
    }

    private async Task ClaimAsync(MappingWork work, NetworkConfig network, CancellationToken cancellation)
    {
        if (listers.Claims.Get("", work.Name) is { } claim)
        {
            if (claim.Spec.Namespace != work.Namespace)
            {
                throw NotClaimed(work, claim);
            }
        }
        else if (!network.AutocreateClusterDomainClaims)
        {
            work.Status = work.Status.MarkDomainClaimMissing(work.Name, work.Namespace, work.Now);
            throw new NotOwnedException(
                $"no ClusterDomainClaim found for domain \"{work.Name}\" (and autocreate-cluster-domain-claims property is not true)",
                ApiResources.ClusterDomainClaims.Kind, new ObjectKey("", work.Name), "");
        }
        else
        {
            await CreateClaimAsync(work, cancellation).ConfigureAwait(false);
        }

        work.Status = work.Status.MarkDomainClaimed(work.Now);
    }

    /// <summary>A claim has no owner: it is the namespace's that it names.</summary>
    private static async Task CreateClaimAsync(MappingWork work, CancellationToken cancellation)
    {
        var wanted = new ClusterDomainClaim
        {
            ApiVersion = ApiResources.ClusterDomainClaims.ApiVersion,
            Kind = ApiResources.ClusterDomainClaims.Kind,
            Metadata = new ObjectMeta { Name = work.Name },
            Spec = new ClusterDomainClaimSpec { Namespace = work.Namespace },
        };
        try
        {
            await work.Client.CreateAsync(ApiResources.ClusterDomainClaims, wanted, cancellation).ConfigureAwait(false);
        }
        catch (KubernetesException refused) when (refused.IsAlreadyExists)
        {
            var there = await work.Client.GetAsync(ApiResources.ClusterDomainClaims, null, work.Name, cancellation).ConfigureAwait(false);
            if (there.Spec.Namespace != work.Namespace)
            {
                throw NotClaimed(work, there);
            }
        }
        catch (KubernetesException refused) when (refused.IsRefusal)
        {
            throw new ChildRefusedException(wanted.Kind, ObjectKey.Of(wanted), refused);
        }
    }

    private static NotOwnedException NotClaimed(MappingWork work, ClusterDomainClaim claim) => new(
        $"namespace \"{work.Namespace}\" does not own ClusterDomainClaim for \"{work.Name}\"",
        ApiResources.ClusterDomainClaims.Kind, ObjectKey.Of(claim), $"It is namespace \"{claim.Spec.Namespace}\" that has claimed it.");

    private async Task<(IReadOnlyList<IngressTls> Tls, IReadOnlyList<Http01Challenge> Challenges)> TlsAsync(
        MappingWork work, NetworkConfig network, StepFailures steps, CancellationToken cancellation)
    {
        if (work.Resource.Spec.Tls is { } own)
        {
            work.Status = WithScheme(work.Status.MarkCertificateNotRequired(work.Now), work.Name, "https");
            return ([new IngressTls { Hosts = [work.Name], SecretName = own.SecretName, SecretNamespace = work.Namespace }], []);
        }

        if (!RouteCertificates.IsEnabled(work.Resource.Metadata.Annotations, network))
        {
            work.Status = work.Status.MarkTlsNotEnabled(RouteLifecycle.ExternalDomainTlsNotEnabled, work.Now);
            return ([], []);
        }

        var name = ChildName.Of(work.Name, "");
        var wanted = CertificateMaker.External(
            ApiResources.DomainMappings, work.Resource, ServingKeys.DomainMappingUid, name, work.Name, work.Name, network.CertificateClass);
        Certificate certificate;
        try
        {
            certificate = await CertificateAccess.EnsureAsync(work.Resource, wanted, listers.Certificates, work.Client, Events, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is ChildRefusedException or KubernetesException { IsConflict: false, IsAlreadyExists: false })
        {
            steps.Add(error);
            if (listers.Certificates.Get(work.Namespace, name) is not { } known)
            {
                work.Status = WithScheme(
                    work.Status.MarkCertificateProvisionFailed(name, work.Now), work.Name, network.HttpProtocol == HttpProtocol.Enabled ? "http" : "https");
                return ([], []);
            }

            certificate = known;
        }

        work.Status = WithScheme(work.Status, work.Name, "https");
        if (CertificateLifecycle.IsReady(certificate))
        {
            work.Status = work.Status.MarkCertificateReady(work.Now);
            return ([CertificateAccess.IngressTls(certificate, wanted.Spec.DnsNames)], []);
        }

        work.Status = network.HttpProtocol == HttpProtocol.Enabled
            ? WithScheme(work.Status.MarkHttpDowngrade(name, work.Now), work.Name, "http")
            : work.Status.MarkCertificateNotReady(name, work.Now);
        return ([], [.. certificate.Status.Http01Challenges.OrderBy(challenge => challenge.Url, StringComparer.Ordinal)]);
    }

    private static DomainMappingStatus WithScheme(DomainMappingStatus status, string host, string scheme)
        => status with { Url = $"{scheme}://{host}", Address = new Addressable { Url = $"{scheme}://{host}" } };
}

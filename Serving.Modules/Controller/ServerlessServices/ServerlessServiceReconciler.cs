using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;
using ServicePass = Serving.Kubernetes.Reconcilers.ReconcilePass<
    Serving.Api.Networking.ServerlessService,
    Serving.Api.Networking.ServerlessServiceStatus
>;

namespace Serving.Controller.ServerlessServices;

/// <summary>
/// Maintains the two Services of a Revision and decides which endpoints the public one has: the Revision's pods (Serve), or a subset of the
/// activators (Proxy, or no pod is ready). Invariant: the public Endpoints are never empty while pods or activators are ready. Its watches
/// are added by <see cref="Watching"/>.
/// </summary>
public sealed class ServerlessServiceReconciler : StatusReconciler<ServerlessService, ServerlessServiceStatus>
{
    private const string ActivatorService = "activator-service";
    private const string CreatingPrivateService = "CreatingPrivateService";
    private const string UpdatingPrivateService = "UpdatingPrivateService";
    private const string CreatingPublicService = "CreatingPublicService";
    private const string CreatingPublicEndpoints = "CreatingPublicEndpoints";

    private readonly ClusterEnvironment _environment;
    private readonly IInformer<ServerlessService> _serverlessServices;
    private readonly IInformer<CoreService> _services;
    private readonly IInformer<Endpoints> _endpoints;
    private readonly IInformer<Deployment> _deployments;

    /// <param name="informers">Provides the caches of ServerlessServices, Services, Endpoints and Deployments.</param>
    /// <param name="environment">Names the namespace of the activators.</param>
    /// <param name="events">Records failures.</param>
    /// <param name="time">The clock of conditions.</param>
    public ServerlessServiceReconciler(IInformers informers, ClusterEnvironment environment, IEventRecorder events, TimeProvider time)
        : base(Resources.ServerlessServices, ListerOf(informers), ServerlessServiceLifecycle.Conditions, events, time)
    {
        _environment = environment;
        _serverlessServices = informers.For(Resources.ServerlessServices);
        _services = informers.For(Resources.Services);
        _endpoints = informers.For(Resources.Endpoints);
        _deployments = informers.For(Resources.Deployments);
    }

    /// <inheritdoc/>
    public override string Name => "serverlessservice";

    /// <summary>Adds the watches of this reconciler to <paramref name="loop"/>.</summary>
    public ReconcileLoop Watching(ReconcileLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        return loop.For(_serverlessServices)
            .Owns(_services, Resources.ServerlessServices.Kind)
            .Owns(_endpoints, Resources.ServerlessServices.Kind)
            .Watches(_endpoints, KeysOf)
            .Watches(_deployments, DeploymentUsers);
    }

    /// <inheritdoc/>
    protected override ServerlessServiceStatus Blocked(ServerlessServiceStatus status, ChildException child, DateTimeOffset now) =>
        child switch
        {
            NotOwnedException taken => ServerlessServiceLifecycle.MarkEndpointsNotOwned(
                status,
                taken.Kind,
                taken.Key.Name,
                now,
                taken.Holder
            ),
            ChildRefusedException refused => ServerlessServiceLifecycle.MarkEndpointsFailed(
                status,
                ChildRefusedException.Reason,
                refused.ConditionMessage,
                now
            ),
            _ => status,
        };

    /// <inheritdoc/>
    protected override async Task ReconcileAsync(ServicePass pass, CancellationToken cancellation)
    {
        // A rejected Service must not keep the endpoints, which route requests, from following pods and activators.
        var failed = await pass.TryAsync(() => ReconcilePrivateServiceAsync(pass, cancellation), cancellation) ? null : pass.Status;
        var hasPublic = await pass.TryAsync(() => ReconcilePublicServiceAsync(pass, cancellation), cancellation);
        failed ??= hasPublic ? null : pass.Status;
        if (hasPublic || Owns(pass.Object, pass.Name))
        {
            await pass.TryAsync(() => ReconcilePublicEndpointsAsync(pass, cancellation), cancellation);
        }

        if (failed is not null)
        {
            // A later reason must not hide the first one why the endpoints are not ready.
            pass.Status = ServerlessServiceLifecycle.KeepEndpoints(pass.Status, failed);
        }
    }

    private static ILister<ServerlessService> ListerOf(IInformers informers)
    {
        ArgumentNullException.ThrowIfNull(informers);
        return informers.For(Resources.ServerlessServices).Lister;
    }

    /// <summary>A change of pods concerns their ServerlessService, found by label; a change of activators concerns all of them.</summary>
    private IEnumerable<ObjectKey> KeysOf(Endpoints changed)
    {
        if (changed.Metadata.Namespace == _environment.SystemNamespace && changed.Metadata.Name == ActivatorService)
        {
            return _serverlessServices.Lister.List().Select(static service => ObjectKey.Of(service));
        }

        return
            changed.Metadata.Labels.TryGetValue(NetworkingKeys.ServiceType, out var type)
            && type == NetworkingKeys.ServiceTypePrivate
            && changed.Metadata.Labels.TryGetValue(NetworkingKeys.ServerlessService, out var name)
            ? [new ObjectKey(changed.Metadata.Namespace, name)]
            : [];
    }

    private IEnumerable<ObjectKey> DeploymentUsers(Deployment changed) =>
        changed.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision)
        && _serverlessServices.Lister.Get(changed.Metadata.Namespace, revision) is not null
            ? [new ObjectKey(changed.Metadata.Namespace, revision)]
            : [];

    /// <summary>Whether the cached Service is a child of <paramref name="owner"/>: endpoints of a foreign Service are neither written nor
    /// followed.</summary>
    private bool Owns(ServerlessService owner, string service) =>
        _services.Lister.Get(owner.Metadata.Namespace, service)?.IsControlledBy(owner) == true;

    private async Task ReconcilePrivateServiceAsync(ServicePass pass, CancellationToken cancellation)
    {
        var reference = pass.Object.Spec.ObjectRef;
        var deployment =
            _deployments.Lister.Get(pass.Object.Metadata.Namespace, reference.Name)
            ?? throw new AwaitedException(
                $"error retrieving deployment selector spec: {reference.Kind} {pass.Object.Metadata.Namespace}/{reference.Name} is not known"
            );
        var wanted = ServerlessServiceMaker.PrivateService(pass.Object, deployment.Spec?.Selector?.MatchLabels ?? Empty.Map);
        await EnsureServiceAsync(pass, wanted, CreatingPrivateService, UpdatingPrivateService, cancellation);
        pass.Status = pass.Status with { PrivateServiceName = wanted.Metadata.Name };
    }

    private async Task ReconcilePublicServiceAsync(ServicePass pass, CancellationToken cancellation)
    {
        var wanted = ServerlessServiceMaker.PublicService(pass.Object);
        await EnsureServiceAsync(pass, wanted, CreatingPublicService, null, cancellation);
        pass.Status = pass.Status with { ServiceName = wanted.Metadata.Name };
    }

    /// <summary>
    /// Creates the Service, or updates its ports and selector; the API server decides the other fields. The reasons are reported in the
    /// status while the write has not completed; without a reason, an update does not change the readiness of the endpoints.
    /// </summary>
    private async Task EnsureServiceAsync(
        ServicePass pass,
        CoreService wanted,
        string creating,
        string? updating,
        CancellationToken cancellation
    )
    {
        await EnsureAsync(
            pass,
            Resources.Services,
            _services.Lister.Get(wanted.Metadata.Namespace, wanted.Metadata.Name),
            wanted,
            static (existing, wanted) =>
            {
                var spec = existing.Spec ?? new CoreServiceSpec();
                return existing with
                {
                    Spec = spec with { Ports = ServicePorts.Merge(wanted.Spec!.Ports, spec.Ports), Selector = wanted.Spec.Selector },
                };
            },
            creating,
            updating,
            cancellation
        );
    }

    private async Task ReconcilePublicEndpointsAsync(ServicePass pass, CancellationToken cancellation)
    {
        var sks = pass.Object;
        var ns = sks.Metadata.Namespace;
        var activators = _endpoints.Lister.Get(_environment.SystemNamespace, ActivatorService);
        var privateService = ChildName.PrivateService(sks.Metadata.Name);
        var pods =
            pass.Status.PrivateServiceName == privateService || Owns(sks, privateService)
                ? _endpoints.Lister.Get(ns, privateService)
                : null;
        var podsReady = ServerlessServiceMaker.ReadyCount(pods) > 0;
        var proxy = sks.Spec.Mode == ServerlessServiceLifecycle.ModeProxy || !podsReady;
        var source =
            proxy && ServerlessServiceMaker.ReadyCount(activators) > 0
                ? ServerlessServiceMaker.ActivatorSubset(activators!.Subsets, sks.Metadata.Name, sks.Spec.NumActivators)
                : pods?.Subsets ?? [];

        var wanted = ServerlessServiceMaker.PublicEndpoints(sks, source);
        await EnsureAsync(
            pass,
            Resources.Endpoints,
            _endpoints.Lister.Get(ns, sks.Metadata.Name),
            wanted,
            static (existing, wanted) => existing with { Subsets = wanted.Subsets },
            CreatingPublicEndpoints,
            null,
            cancellation
        );

        pass.Status = podsReady
            ? ServerlessServiceLifecycle.MarkEndpointsReady(pass.Status, pass.Now)
            : ServerlessServiceLifecycle.MarkEndpointsNotReady(pass.Status, "NoHealthyBackends", pass.Now);
        pass.Status = proxy
            ? ServerlessServiceLifecycle.MarkActivatorEndpointsPopulated(pass.Status, pass.Now)
            : ServerlessServiceLifecycle.MarkActivatorEndpointsRemoved(pass.Status, pass.Now);
    }

    /// <summary>Reports what is being written in the status until the write has completed.</summary>
    private static async Task EnsureAsync<T>(
        ServicePass pass,
        ResourceType<T> type,
        T? cached,
        T wanted,
        Func<T, T, T> update,
        string creating,
        string? updating,
        CancellationToken cancellation
    )
        where T : class, IKubernetesObject
    {
        var before = pass.Status;
        var child = await pass.EnsureAsync(
            type,
            cached,
            wanted,
            update,
            cancellation,
            writing: outcome =>
                pass.Status = (outcome == ChildOutcome.Created ? creating : updating) is { } reason
                    ? ServerlessServiceLifecycle.MarkEndpointsNotReady(before, reason, pass.Now)
                    : before
        );
        if (child.Outcome == ChildOutcome.Unchanged)
        {
            // The cache was stale, and the endpoints have not changed.
            pass.Status = before;
        }
    }
}

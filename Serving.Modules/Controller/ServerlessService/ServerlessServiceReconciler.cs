using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes;

namespace Serving.Controller.ServerlessServices;

/// <summary>
/// Keeps the two Services of a Revision and decides who answers behind the public one: the Revision's pods (Serve), or a subset of the
/// activators (Proxy, or no pod is ready). Invariant: the public Endpoints are never empty while pods or activators are ready.
/// Watch it with <see cref="Watching"/>.
/// </summary>
public sealed class ServerlessServiceReconciler : IReconciler
{
    private const string ActivatorService = "activator-service";
    private const string CreatingPrivateService = "CreatingPrivateService";
    private const string UpdatingPrivateService = "UpdatingPrivateService";
    private const string CreatingPublicService = "CreatingPublicService";
    private const string CreatingPublicEndpoints = "CreatingPublicEndpoints";

    private readonly ClusterEnvironment environment;
    private readonly IEventRecorder events;
    private readonly TimeProvider time;
    private readonly IInformer<ServerlessService> serverlessServices;
    private readonly IInformer<CoreService> services;
    private readonly IInformer<Endpoints> endpoints;
    private readonly IInformer<Deployment> deployments;

    /// <param name="informers">Where the caches of ServerlessServices, Services, Endpoints and Deployments come from.</param>
    /// <param name="environment">Names the namespace of the activators.</param>
    /// <param name="events">Where failures are recorded.</param>
    /// <param name="time">The clock of conditions.</param>
    public ServerlessServiceReconciler(IInformers informers, ClusterEnvironment environment, IEventRecorder events, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(events);
        this.events = events;
        this.environment = environment;
        this.time = time;
        serverlessServices = informers.For(Resources.ServerlessServices);
        services = informers.For(Resources.Services);
        endpoints = informers.For(Resources.Endpoints);
        deployments = informers.For(Resources.Deployments);
    }

    /// <inheritdoc/>
    public string Name => "serverlessservice";

    /// <summary>Adds everything that this reconciler must hear of to <paramref name="loop"/>.</summary>
    public ReconcileLoop Watching(ReconcileLoop loop)
    {
        ArgumentNullException.ThrowIfNull(loop);
        return loop.For(serverlessServices)
            .Owns(services, Resources.ServerlessServices.Kind)
            .Owns(endpoints, Resources.ServerlessServices.Kind)
            .Watches(endpoints, KeysOf)
            .Watches(deployments, DeploymentUsers);
    }

    /// <inheritdoc/>
    public async Task<Reconcile> ReconcileAsync(ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        if (serverlessServices.Lister.Get(key.Namespace, key.Name) is not { Metadata.DeletionTimestamp: null } original)
        {
            return Reconcile.Done;
        }

        var now = time.GetUtcNow();
        var status = ServerlessServiceLifecycle.Initialize(original.Status, now);
        var pass = new Pass(original, client, now, status);

        // A Service that is refused must not keep the endpoints, by which requests travel, from following pods and activators.
        var steps = new StepFailures();
        var failed = await steps.TryAsync(() => ReconcilePrivateServiceAsync(pass, cancellation), cancellation).ConfigureAwait(false) ? null : pass.Status;
        var hasPublic = await steps.TryAsync(() => ReconcilePublicServiceAsync(pass, cancellation), cancellation).ConfigureAwait(false);
        failed ??= hasPublic ? null : pass.Status;
        if (hasPublic || Owns(original, original.Metadata.Name))
        {
            await steps.TryAsync(() => ReconcilePublicEndpointsAsync(pass, cancellation), cancellation).ConfigureAwait(false);
        }

        if (failed is not null)
        {
            // What came later must not hide the first reason why the endpoints are not what they should be.
            pass.Status = ServerlessServiceLifecycle.KeepEndpoints(pass.Status, failed);
        }

        if (!steps.All.Any(IsStaleCache))
        {
            pass.Status = Marked(pass, steps);
            await steps.TryAsync(() => WriteStatusAsync(pass, cancellation), cancellation).ConfigureAwait(false);
        }

        foreach (var failure in steps.All)
        {
            // A Deployment that the cache does not know yet comes by itself.
            if (!IsStaleCache(failure) && failure is not InvalidOperationException)
            {
                events.Warning(original, "InternalError", failure.Message);
            }
        }

        steps.Throw();
        return Reconcile.Done;
    }

    /// <summary>Pods came or went: their ServerlessService, by label. Activators came or went: all of them.</summary>
    private IEnumerable<ObjectKey> KeysOf(Endpoints changed)
    {
        if (changed.Metadata.Namespace == environment.SystemNamespace && changed.Metadata.Name == ActivatorService)
        {
            return serverlessServices.Lister.List().Select(static service => ObjectKey.Of(service));
        }

        return changed.Metadata.Labels.TryGetValue(NetworkingKeys.ServiceType, out var type) && type == NetworkingKeys.ServiceTypePrivate
            && changed.Metadata.Labels.TryGetValue(NetworkingKeys.ServerlessService, out var name)
            ? [new ObjectKey(changed.Metadata.Namespace, name)]
            : [];
    }

    private IEnumerable<ObjectKey> DeploymentUsers(Deployment changed)
        => changed.Metadata.Labels.TryGetValue(ServingKeys.Revision, out var revision) && serverlessServices.Lister.Get(changed.Metadata.Namespace, revision) is not null
            ? [new ObjectKey(changed.Metadata.Namespace, revision)]
            : [];

    /// <summary>Whether the cache knows the Service as a child of <paramref name="owner"/>: endpoints of a foreign one are neither ours to write nor to follow.</summary>
    private bool Owns(ServerlessService owner, string service)
        => services.Lister.Get(owner.Metadata.Namespace, service)?.Metadata.OwnerReferences.Any(o => o.Controller == true && o.Uid == owner.Metadata.Uid) == true;

    /// <summary>The status with the first child that cannot be had, if any.</summary>
    private static ServerlessServiceStatus Marked(Pass pass, StepFailures steps) => steps.All.FirstOrDefault(static failure => failure is ChildException) switch
    {
        NotOwnedException taken => ServerlessServiceLifecycle.MarkEndpointsNotOwned(pass.Status, taken.Kind, taken.Key.Name, pass.Now, taken.Holder),
        ChildRefusedException refused => ServerlessServiceLifecycle.MarkEndpointsFailed(pass.Status, ChildRefusedException.Reason, refused.ConditionMessage, pass.Now),
        _ => pass.Status,
    };

    private async Task ReconcilePrivateServiceAsync(Pass pass, CancellationToken cancellation)
    {
        var reference = pass.Object.Spec.ObjectRef;
        var deployment = deployments.Lister.Get(pass.Object.Metadata.Namespace, reference.Name)
            ?? throw new AwaitedException($"error retrieving deployment selector spec: {reference.Kind} {pass.Object.Metadata.Namespace}/{reference.Name} is not known");
        var wanted = ServerlessServiceMaker.PrivateService(pass.Object, deployment.Spec?.Selector?.MatchLabels ?? Empty.Map);
        await EnsureServiceAsync(pass, wanted, CreatingPrivateService, UpdatingPrivateService, cancellation).ConfigureAwait(false);
        pass.Status = pass.Status with { PrivateServiceName = wanted.Metadata.Name };
    }

    private async Task ReconcilePublicServiceAsync(Pass pass, CancellationToken cancellation)
    {
        var wanted = ServerlessServiceMaker.PublicService(pass.Object);
        await EnsureServiceAsync(pass, wanted, CreatingPublicService, null, cancellation).ConfigureAwait(false);
        pass.Status = pass.Status with { ServiceName = wanted.Metadata.Name };
    }

    /// <summary>
    /// Creates the Service, or brings ports and selector to what is wanted; other fields belong to the API server. The reasons are what
    /// the status says while that has not come to an end; without one an update leaves the endpoints as ready as they are.
    /// </summary>
    private async Task EnsureServiceAsync(Pass pass, CoreService wanted, string creating, string? updating, CancellationToken cancellation)
    {
        var (ns, name) = (wanted.Metadata.Namespace, wanted.Metadata.Name);
        if (await FindOrCreateAsync(pass, Resources.Services, services.Lister.Get(ns, name), wanted, creating, cancellation).ConfigureAwait(false) is not { } existing)
        {
            return;
        }

        var spec = existing.Spec ?? new CoreServiceSpec();
        var merged = spec with { Ports = ServicePorts.Merge(wanted.Spec!.Ports, spec.Ports), Selector = wanted.Spec.Selector };
        var updated = existing with { Spec = merged };
        if (!SameJson(existing, updated, Resources.Services))
        {
            pass.Status = updating is null ? pass.Status : ServerlessServiceLifecycle.MarkEndpointsNotReady(pass.Status, updating, pass.Now);
            await pass.Client.UpdateAsync(Resources.Services, updated, cancellation).ConfigureAwait(false);
        }
    }

    private async Task ReconcilePublicEndpointsAsync(Pass pass, CancellationToken cancellation)
    {
        var sks = pass.Object;
        var ns = sks.Metadata.Namespace;
        var activators = endpoints.Lister.Get(environment.SystemNamespace, ActivatorService);
        var privateService = ChildName.PrivateService(sks.Metadata.Name);
        var pods = pass.Status.PrivateServiceName == privateService || Owns(sks, privateService) ? endpoints.Lister.Get(ns, privateService) : null;
        var podsReady = ServerlessServiceMaker.ReadyCount(pods) > 0;
        var proxy = sks.Spec.Mode == ServerlessServiceLifecycle.ModeProxy || !podsReady;
        var source = proxy && ServerlessServiceMaker.ReadyCount(activators) > 0
            ? ServerlessServiceMaker.ActivatorSubset(activators!.Subsets, sks.Metadata.Name, sks.Spec.NumActivators)
            : pods?.Subsets ?? [];

        var wanted = ServerlessServiceMaker.PublicEndpoints(sks, source);
        var existing = await FindOrCreateAsync(
            pass, Resources.Endpoints, endpoints.Lister.Get(ns, sks.Metadata.Name), wanted, CreatingPublicEndpoints, cancellation).ConfigureAwait(false);
        if (existing is not null)
        {
            var updated = existing with { Subsets = wanted.Subsets };
            if (!SameJson(existing, updated, Resources.Endpoints))
            {
                await pass.Client.UpdateAsync(Resources.Endpoints, updated, cancellation).ConfigureAwait(false);
            }
        }

        pass.Status = podsReady
            ? ServerlessServiceLifecycle.MarkEndpointsReady(pass.Status, pass.Now)
            : ServerlessServiceLifecycle.MarkEndpointsNotReady(pass.Status, "NoHealthyBackends", pass.Now);
        pass.Status = proxy
            ? ServerlessServiceLifecycle.MarkActivatorEndpointsPopulated(pass.Status, pass.Now)
            : ServerlessServiceLifecycle.MarkActivatorEndpointsRemoved(pass.Status, pass.Now);
    }

    /// <summary>The object as it is, or null when it was created just now. Throws when it belongs to someone else.</summary>
    private static async Task<T?> FindOrCreateAsync<T>(Pass pass, ResourceType<T> type, T? cached, T wanted, string creating, CancellationToken cancellation)
        where T : class, IKubernetesObject
    {
        if (cached is not null)
        {
            return ChildObjects.EnsureOwned(type, cached, pass.Object);
        }

        var before = pass.Status;
        pass.Status = ServerlessServiceLifecycle.MarkEndpointsNotReady(before, creating, pass.Now);
        var child = await ChildObjects.CreateAsync(pass.Client, type, wanted, pass.Object, cancellation).ConfigureAwait(false);
        if (child.IsNew)
        {
            return null;
        }

        // The cache is behind, and the endpoints are as they were.
        pass.Status = before;
        return child.Object;
    }

    private static async Task WriteStatusAsync(Pass pass, CancellationToken cancellation)
    {
        var updated = pass.Object with
        {
            Status = pass.Status with
            {
                Conditions = ConditionSet.KeepTimes(pass.Object.Status.Conditions, pass.Status.Conditions),
                ObservedGeneration = pass.Object.Metadata.Generation,
            },
        };
        if (!SameJson(pass.Object, updated, Resources.ServerlessServices))
        {
            await pass.Client.UpdateStatusAsync(Resources.ServerlessServices, updated, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Whether the server only knows more than the cache: the revision serves as before, and what was concluded is not worth writing.</summary>
    private static bool IsStaleCache(Exception error)
        => error is KubernetesException { IsConflict: true } or KubernetesException { IsAlreadyExists: true } or KubernetesException { IsNamespaceTerminating: true };

    private static bool SameJson<T>(T one, T other, ResourceType<T> type)
        where T : class, IKubernetesObject
        => JsonElement.DeepEquals(JsonSerializer.SerializeToElement(one, type.Json), JsonSerializer.SerializeToElement(other, type.Json));

    /// <summary>One reconcile of one object, with the status as far as it has come.</summary>
    private sealed class Pass(ServerlessService value, IKubernetesClient client, DateTimeOffset now, ServerlessServiceStatus status)
    {
        public ServerlessService Object => value;

        public IKubernetesClient Client => client;

        public DateTimeOffset Now => now;

        public ServerlessServiceStatus Status { get; set; } = status;
    }
}

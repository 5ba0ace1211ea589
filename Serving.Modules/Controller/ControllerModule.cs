using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.ConfigMaps;
using Serving.Controller.CertManager;
using Serving.Controller.Common;
using Serving.Controller.Configurations;
using Serving.Controller.DisruptionBudgets;
using Serving.Controller.DomainMappings;
using Serving.Controller.GarbageCollection;
using Serving.Controller.ImagePulls;
using Serving.Controller.Labeler;
using Serving.Controller.NamespaceCertificates;
using Serving.Controller.Revisions;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Routes;
using Serving.Controller.ServerlessServices;
using Serving.Controller.Services;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Events;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Controller;

/// <summary>
/// The reconcilers of the serving kinds: Services become Configurations and Routes, Configurations become Revisions, Revisions
/// become Deployments and PodAutoscalers, Routes and DomainMappings become Ingresses.
/// </summary>
public sealed class ControllerModule : IServingModule
{
    private static readonly CacheIndex<Configuration> NamedRevisions = new(static configuration =>
        configuration.Spec.Template.Metadata.Name is { Length: > 0 } name ? [name] : []
    );

    private readonly ConfigStore _config;
    private readonly List<ReconcileLoop> _loops = [];
    private readonly List<Action<ConfigSnapshot, ConfigSnapshot>> _resyncs = [];
    private readonly List<Action> _endsOfTerm = [];
    private readonly IInformers _informers;
    private readonly ClusterEnvironment _environment;
    private readonly IEventRecorder _events;
    private readonly ILoggerFactory _loggers;
    private readonly TimeProvider _time;

    /// <param name="informers">Provides the caches.</param>
    /// <param name="discovery">Finds referenced kinds that are not ours.</param>
    /// <param name="config">The configuration; affected objects are reconciled when it changes.</param>
    /// <param name="environment">The system namespace and the cluster's domain.</param>
    /// <param name="digests">Resolves images to digests.</param>
    /// <param name="events">Records events.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock of conditions, rollouts and garbage collection.</param>
    public ControllerModule(
        IInformers informers,
        IResourceDiscovery discovery,
        ConfigStore config,
        ClusterEnvironment environment,
        IDigestResolver digests,
        IEventRecorder events,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        ArgumentNullException.ThrowIfNull(informers);
        ArgumentNullException.ThrowIfNull(discovery);
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(digests);
        _informers = informers;
        _config = config;
        _environment = environment;
        _events = events;
        _loggers = loggers;
        _time = time;
        AddServices();
        AddConfigurations();
        AddRevisions(digests);
        AddRoutes();
        AddLabeler();
        AddGarbageCollector();
        AddDomainMappings(discovery);
        AddNamespaceCertificates();
        AddCertManager(discovery);
        AddServerlessServices();
        AddDisruptionBudgets();
        AddImagePulls();
    }

    /// <inheritdoc/>
    public string Name => "controller";

    /// <inheritdoc/>
    public Activation Activation => Activation.Leader;

    /// <inheritdoc/>
    public string? StuckReason => _loops.Select(static loop => loop.StuckReason).FirstOrDefault(static reason => reason is not null);

    /// <inheritdoc/>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        _config.Changed += Resync;
        try
        {
            await _config.WaitForSyncAsync(cancellation);
            await Task.WhenAll(_loops.Select(loop => loop.RunAsync(client, cancellation)));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Stopped while the configuration was still loading.
        }
        finally
        {
            _config.Changed -= Resync;

            // State belongs to this term; the next term starts from scratch.
            _endsOfTerm.ForEach(static end => end());
        }
    }

    private void Resync(ConfigSnapshot old, ConfigSnapshot current)
    {
        foreach (var resync in _resyncs)
        {
            resync(old, current);
        }
    }

    private void AddServices()
    {
        var services = _informers.For(Resources.KnativeServices);
        var configurations = _informers.For(Resources.Configurations);
        var routes = _informers.For(Resources.Routes);
        Add(
                new ServiceReconciler(
                    services.Lister,
                    configurations.Lister,
                    routes.Lister,
                    _informers.For(Resources.Revisions).Lister,
                    _events,
                    _time
                )
            )
            .For(services)
            .Owns(configurations, Resources.KnativeServices.Kind)
            .Owns(routes, Resources.KnativeServices.Kind);
    }

    private void AddConfigurations()
    {
        var configurations = _informers.For(Resources.Configurations);
        var revisions = _informers.For(Resources.Revisions);
        Add(new ConfigurationReconciler(configurations.Lister, revisions.Lister, _events, _time))
            .For(configurations)
            .Owns(revisions, Resources.Configurations.Kind)
            // A Configuration whose Revision name is taken by a foreign Revision waits for that Revision to be deleted.
            .Watches(
                revisions,
                revision =>
                    configurations
                        .Lister.ByIndex(NamedRevisions, revision.Metadata.Namespace, revision.Metadata.Name)
                        .Select(static configuration => ObjectKey.Of(configuration))
            );
    }

    private void AddRevisions(IDigestResolver resolver)
    {
        var revisions = _informers.For(Resources.Revisions);
        var deployments = _informers.For(Resources.Deployments);
        var autoscalers = _informers.For(Resources.PodAutoscalers);
        var images = _informers.For(Resources.Images);
        var pods = _informers.For(Resources.Pods, labelSelector: ServingKeys.Revision);
        var certificates = _informers.For(Resources.Certificates);
        var digests = new DigestResolution(resolver, _time);
        _endsOfTerm.Add(digests.Clear);
        var listers = new RevisionListers(
            revisions.Lister,
            deployments.Lister,
            autoscalers.Lister,
            images.Lister,
            pods.Lister,
            certificates.Lister
        );
        var loop = Add(
                new RevisionReconciler(listers, digests, () => _config.Current, _environment.SystemNamespace, _events, _time),
                workers: 8
            )
            .For(revisions)
            .Owns(deployments, Resources.Revisions.Kind)
            .Owns(autoscalers, Resources.Revisions.Kind)
            .Owns(images, Resources.Revisions.Kind)
            .Watches(pods, pod => ByLabel(pod, ServingKeys.Revision))
            .Watches(
                certificates,
                certificate =>
                    certificate.Metadata.Name == QueueProxyCertificates.Name
                        ? revisions.Lister.List(certificate.Metadata.Namespace).Select(static revision => ObjectKey.Of(revision))
                        : []
            );
        digests.Resolved = loop.Enqueue;
        ResyncWhen(loop, revisions, static (old, current) => old with { Domain = current.Domain, Gc = current.Gc } != current);
    }

    private void AddRoutes()
    {
        var tracker = NewTracker();
        var routes = _informers.For(Resources.Routes);
        var configurations = _informers.For(Resources.Configurations);
        var revisions = _informers.For(Resources.Revisions);
        var services = _informers.For(Resources.Services);
        var endpoints = _informers.For(Resources.Endpoints);
        var ingresses = _informers.For(Resources.Ingresses);
        var certificates = _informers.For(Resources.Certificates);
        var listers = new RouteListers(
            routes.Lister,
            configurations.Lister,
            revisions.Lister,
            services.Lister,
            endpoints.Lister,
            ingresses.Lister,
            certificates.Lister
        );
        var loop = Add(new RouteReconciler(listers, tracker, () => _config.Current, _environment.ClusterDomain, _events, _time))
            .For(routes)
            .Owns(services, Resources.Routes.Kind)
            .Owns(endpoints, Resources.Routes.Kind)
            .Owns(ingresses, Resources.Routes.Kind)
            .Owns(certificates, Resources.Routes.Kind)
            .Watches(
                certificates,
                certificate =>
                    certificate.Metadata.Labels.ContainsKey(NetworkingKeys.WildcardDomain)
                        ? routes.Lister.List(certificate.Metadata.Namespace).Select(static route => ObjectKey.Of(route))
                        : []
            )
            .Watches(configurations, configuration => tracker.FollowersOf(References.Configuration, ObjectKey.Of(configuration)))
            .Watches(revisions, revision => tracker.FollowersOf(References.Revision, ObjectKey.Of(revision)));
        ResyncWhen(
            loop,
            routes,
            static (old, current) => old.Domain != current.Domain || old.Network != current.Network || old.Features != current.Features
        );
    }

    private void AddLabeler()
    {
        var tracker = NewTracker();
        var routes = _informers.For(Resources.Routes);
        var configurations = _informers.For(Resources.Configurations);
        var revisions = _informers.For(Resources.Revisions);
        Add(new RoutingLabeler(routes.Lister, configurations.Lister, revisions.Lister, tracker, _events, _time))
            .For(routes)
            .Watches(
                configurations,
                configuration => RoutesOf(configuration).Concat(tracker.FollowersOf(References.Configuration, ObjectKey.Of(configuration)))
            )
            .Watches(revisions, revision => RoutesOf(revision).Concat(tracker.FollowersOf(References.Revision, ObjectKey.Of(revision))));
    }

    private void AddGarbageCollector()
    {
        var configurations = _informers.For(Resources.Configurations);
        var revisions = _informers.For(Resources.Revisions);
        var loop = Add(new GarbageCollector(configurations.Lister, revisions.Lister, () => _config.Current, _events, _time), workers: 1)
            .For(configurations)
            .Watches(revisions, revision => ByLabel(revision, ServingKeys.Configuration));
        ResyncWhen(loop, configurations, static (old, current) => old.Gc != current.Gc);
    }

    private void AddDomainMappings(IResourceDiscovery discovery)
    {
        var tracker = NewTracker();
        var mappings = _informers.For(Resources.DomainMappings);
        var ingresses = _informers.For(Resources.Ingresses);
        var certificates = _informers.For(Resources.Certificates);
        var claims = _informers.For(Resources.ClusterDomainClaims);
        var services = _informers.For(Resources.KnativeServices);
        var routes = _informers.For(Resources.Routes);
        var coreServices = _informers.For(Resources.Services);
        var references = new MappedReferences(
            services.Lister,
            routes.Lister,
            coreServices.Lister,
            discovery,
            tracker,
            _environment.ClusterDomain
        );
        var listers = new DomainMappingListers(mappings.Lister, ingresses.Lister, certificates.Lister, claims.Lister);
        var loop = Add(new DomainMappingReconciler(listers, references, tracker, () => _config.Current, _events, _time))
            .For(mappings)
            .Owns(ingresses, Resources.DomainMappings.Kind)
            .Owns(certificates, Resources.DomainMappings.Kind)
            .Watches(
                claims,
                claim =>
                    mappings
                        .Lister.List()
                        .Where(mapping => mapping.Metadata.Name == claim.Metadata.Name)
                        .Select(static mapping => ObjectKey.Of(mapping))
            )
            .Watches(services, service => tracker.FollowersOf(References.Service, ObjectKey.Of(service)))
            .Watches(routes, route => tracker.FollowersOf(References.Route, ObjectKey.Of(route)))
            .Watches(coreServices, service => tracker.FollowersOf(MappedReferences.CoreKind, ObjectKey.Of(service)));
        ResyncWhen(loop, mappings, static (old, current) => old.Network != current.Network);
    }

    private void AddNamespaceCertificates()
    {
        var namespaces = _informers.For(Resources.Namespaces);
        var certificates = _informers.For(Resources.Certificates);
        var loop = Add(
                new NamespaceCertificateReconciler(namespaces.Lister, certificates.Lister, () => _config.Current, _events),
                workers: 1
            )
            .For(namespaces)
            .Watches(
                certificates,
                static certificate =>
                    Ownership.ControllerOf(certificate) is { Kind: "Namespace" } owner ? [new ObjectKey("", owner.Name)] : []
            );
        ResyncWhen(loop, namespaces, static (old, current) => old.Domain != current.Domain || old.Network != current.Network);
    }

    private void AddCertManager(IResourceDiscovery discovery)
    {
        var certificates = _informers.For(Resources.Certificates);
        var services = _informers.For(Resources.Services);
        var api = new CertManagerApi(_informers, discovery, _time);
        var reconciler = new CertManagerReconciler(
            certificates.Lister,
            new HttpChallenges(services.Lister),
            () => _config.Current,
            _events,
            _time
        );
        var loop = Add(new CertManagerGate(certificates.Lister, api, () => _config.Current, reconciler), workers: 1)
            .For(certificates)
            .Watches(
                services,
                service =>
                    service.Metadata.Labels.ContainsKey(HttpChallenges.DomainLabel)
                        ? certificates.Lister.List(service.Metadata.Namespace).Select(static certificate => ObjectKey.Of(certificate))
                        : []
            );
        api.Changed = loop.Enqueue;
        ResyncWhen(
            loop,
            certificates,
            static (old, current) =>
                old.CertManager != current.CertManager
                || CertManagerGate.IsRequired(old.Network) != CertManagerGate.IsRequired(current.Network)
        );
    }

    private void AddServerlessServices()
    {
        var reconciler = new ServerlessServiceReconciler(_informers, _environment, _events, _time);
        reconciler.Watching(Add(reconciler));
    }

    private void AddDisruptionBudgets()
    {
        var deployments = _informers.For(Resources.Deployments);
        Add(new DisruptionBudgetReconciler(deployments.Lister, _environment.SystemNamespace), workers: 1).For(deployments);
    }

    private void AddImagePulls()
    {
        var images = _informers.For(Resources.Images);
        var reconciler = new ImagePullReconciler(
            images.Lister,
            _informers.For(Resources.Revisions).Lister,
            () => _config.Current.Reserve.PullsImages,
            _events,
            _time
        );
        _endsOfTerm.Add(reconciler.Clear);
        var loop = Add(reconciler, workers: 1).For(images);
        ResyncWhen(loop, images, static (old, current) => old.Reserve.PullsImages != current.Reserve.PullsImages);
    }

    private ReferenceTracker NewTracker()
    {
        var tracker = new ReferenceTracker();
        _endsOfTerm.Add(tracker.Clear);
        return tracker;
    }

    private ReconcileLoop Add(IReconciler reconciler, int workers = 4)
    {
        var loop = new ReconcileLoop(reconciler, _loggers.CreateLogger($"Serving.Controller.{reconciler.Name}"), _time, workers);
        _loops.Add(loop);
        return loop;
    }

    private void ResyncWhen<T>(ReconcileLoop loop, IInformer<T> informer, Func<ConfigSnapshot, ConfigSnapshot, bool> concerned)
        where T : class, IKubernetesObject =>
        _resyncs.Add(
            (old, current) =>
            {
                if (!concerned(old, current))
                {
                    return;
                }

                foreach (var value in informer.Lister.List())
                {
                    loop.Enqueue(ObjectKey.Of(value));
                }
            }
        );

    private static IEnumerable<ObjectKey> ByLabel(IKubernetesObject value, string label) =>
        value.Metadata.Labels.TryGetValue(label, out var name) ? [new ObjectKey(value.Metadata.Namespace, name)] : [];

    private static IEnumerable<ObjectKey> RoutesOf(IKubernetesObject value) =>
        value.Metadata.Annotations.Names(ServingKeys.Routes).Select(name => new ObjectKey(value.Metadata.Namespace, name));
}

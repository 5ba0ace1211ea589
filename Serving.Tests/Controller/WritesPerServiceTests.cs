using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Autoscaler;
using Serving.Autoscaler.Collection;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.Scaling;
using Serving.Controller.ServerlessServices;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Reconcilers;
using Serving.Tests.Support;

namespace Serving.Tests.Controller;

/// <summary>How often a Service that starts at zero is written until it is Ready: the API server is what a large cluster waits for, so each
/// write that is not the creation of a child or a new state of one is too many.</summary>
public sealed class WritesPerServiceTests
{
    private ReconcilingCluster _world = null!;
    private List<(IReconciler Reconciler, Func<IEnumerable<ObjectKey>> Keys)> _autoscaling = null!;

    [SetUp]
    public void SetUp()
    {
        _world = new ReconcilingCluster();
        _world.Config = _world.Config with { Autoscaler = _world.Config.Autoscaler with { AllowZeroInitialScale = true } };
        var cluster = _world.Cluster;
        var informers = new AutoscalerInformers(cluster);
        var collector = new MetricCollector(new NoPods(), _world.Time, NullLogger.Instance);
        var deciders = new Deciders(collector, static _ => 0, _world.Time, NullLogger.Instance);
        _autoscaling =
        [
            (
                new PodAutoscalerReconciler(
                    informers,
                    () => _world.Config,
                    deciders,
                    new AlwaysInPath(),
                    new PodCountBoard(),
                    _world.Events,
                    _world.Time,
                    new Parking(_world.Events, _ => Task.FromResult(true), _world.Time),
                    static (_, _) => { }
                ),
                () => cluster.All(Resources.PodAutoscalers).Select(value => ObjectKey.Of(value))
            ),
            (
                new ServerlessServiceReconciler(
                    cluster,
                    new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback),
                    _world.Events,
                    _world.Time
                ),
                () => cluster.All(Resources.ServerlessServices).Select(value => ObjectKey.Of(value))
            ),
            (
                new MetricReconciler(informers.Metrics, collector, _world.Events, _world.Time),
                () => cluster.All(Resources.Metrics).Select(value => ObjectKey.Of(value))
            ),
        ];
        cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "activator-service" },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "10.0.0.1" }],
                        Ports = [new EndpointPort { Name = "http", Port = 8012 }],
                    },
                ],
            }
        );
    }

    [Test]
    public async Task Each_child_is_created_once_and_each_state_is_written_once()
    {
        _world.Cluster.Put(Resources.KnativeServices, StartingAtZero(Samples.Service()));

        var writes = await WritesUntilSettledAsync();
        var deployment = _world.Cluster.All(Resources.Deployments).Single();
        _world.Cluster.Put(
            Resources.Deployments,
            deployment with
            {
                Status = new DeploymentStatus { Conditions = [new Condition { Type = "Progressing", Status = "True" }] },
            }
        );
        writes.AddRange(await WritesUntilSettledAsync());
        _world.MakeIngressReady("hello");
        writes.AddRange(await WritesUntilSettledAsync());

        _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.IsReady().Should().BeTrue();
        writes
            .CountBy(static write => $"{write.Verb} {write.Plural}")
            .ToDictionary()
            .Should()
            .BeEquivalentTo(
                new Dictionary<string, int>
                {
                    ["create configurations"] = 1,
                    ["create routes"] = 1,
                    ["create revisions"] = 1,
                    ["create deployments"] = 1,
                    ["create images"] = 1,
                    ["create podautoscalers"] = 1,
                    ["create serverlessservices"] = 1,
                    ["create metrics"] = 1,
                    ["create services"] = 3,
                    ["create endpoints"] = 1,
                    ["create ingresses"] = 1,
                    ["update services"] = 1,
                    ["update-status services"] = 4,
                    ["update-status routes"] = 3,
                    ["update-status configurations"] = 2,
                    ["update-status revisions"] = 3,
                    ["update-status podautoscalers"] = 2,
                    ["update-status serverlessservices"] = 1,
                    ["update-status metrics"] = 1,
                }
            );
    }

    [Test]
    public async Task A_Configuration_that_is_seen_before_its_Route_is_not_written_by_the_labeler()
    {
        _world.Cluster.Put(Resources.KnativeServices, StartingAtZero(Samples.Service()));
        var key = new ObjectKey(Samples.Namespace, "hello");
        await _world.SettleAsync();
        await _world.Cluster.DeleteAsync(Resources.Routes, key.Namespace, key.Name, CancellationToken.None);
        _world.Cluster.ForgetWrites();

        await _world.Named("labeler").ReconcileAsync(key, _world.Cluster, CancellationToken.None);

        _world.Cluster.Writes.Should().BeEmpty("the Service creates the Route again");
        var configuration = _world.Cluster.Find(Resources.Configurations, key.Namespace, key.Name)!;
        _world.Cluster.Put(
            Resources.Configurations,
            configuration with
            {
                Metadata = configuration.Metadata with { OwnerReferences = [] },
            }
        );
        await _world.Named("labeler").ReconcileAsync(key, _world.Cluster, CancellationToken.None);
        _world
            .Cluster.Writes.Select(write => $"{write.Verb} {write.Plural}")
            .Should()
            .BeEquivalentTo(["patch configurations", "patch revisions"], "nobody creates the Route of an orphan");
    }

    private static Service StartingAtZero(Service service) =>
        service with
        {
            Spec = service.Spec with
            {
                Template = service.Spec.Template with
                {
                    Metadata = service.Spec.Template.Metadata with
                    {
                        Annotations = new Dictionary<string, string> { ["autoscaling.knative.dev/initial-scale"] = "0" },
                    },
                },
            },
        };

    private async Task<List<InMemoryCluster.Request>> WritesUntilSettledAsync()
    {
        var writes = new List<InMemoryCluster.Request>();
        for (var round = 0; round < 20; round++)
        {
            _world.Cluster.ForgetWrites();
            await _world.ReconcileOnceAsync();
            foreach (var (reconciler, keys) in _autoscaling)
            {
                foreach (var key in keys().ToList())
                {
                    await reconciler.ReconcileAsync(key, _world.Cluster, CancellationToken.None);
                }
            }

            if (_world.Cluster.Writes.Count == 0)
            {
                return writes;
            }

            writes.AddRange(_world.Cluster.Writes);
        }

        throw new InvalidOperationException("still writing: " + string.Join(", ", _world.Cluster.Writes));
    }

    private sealed class NoPods : IPodScraper
    {
        public Task<Stat?> ScrapeAsync(Serving.Api.Autoscaling.Metric metric, ScrapeMemory memory, CancellationToken cancellation) =>
            Task.FromResult<Stat?>(null);
    }

    private sealed class AlwaysInPath : IActivatorProbe
    {
        public Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation) => Task.FromResult(true);
    }
}

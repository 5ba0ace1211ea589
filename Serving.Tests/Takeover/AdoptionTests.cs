using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Autoscaler;
using Serving.Autoscaler.Reconcilers;
using Serving.Autoscaler.Reserve;
using Serving.Autoscaler.Scaling;
using Serving.Controller.Revisions.Resources;
using Serving.Controller.ServerlessServices;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Controller;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Takeover;

/// <summary>
/// Our reconcilers over what the reference implementation left: nothing of an existing Service may change, because any change of a
/// specification could restart its pods or make its requests go astray.
/// </summary>
[TestFixture]
internal sealed class AdoptionTests
{
    private const string QueueImage = "gcr.io/knative-releases/queue@sha256:2222";
    private const string ForeignHash = "1k7nmob";

    private ReconcilingCluster _ours = null!;

    private InMemoryCluster Cluster => _ours.Cluster;

    /// <summary>The cluster's configuration stays: its queue image, its network layer's class, its domain.</summary>
    private static ConfigSnapshot TheirConfig { get; } =
        Samples.Config with
        {
            Deployment = Samples.Config.Deployment with { QueueSidecarImage = QueueImage },
            Network = Samples.Config.Network with { IngressClass = "kourier.ingress.networking.knative.dev" },
        };

    [SetUp]
    public void SetUp() => Begin(_ => { });

    [Test]
    public async Task Nothing_is_written_but_our_mark_on_the_Deployment()
    {
        var writes = await ReconcileEverythingAsync();

        writes.Should().Equal(new InMemoryCluster.Request("update", "deployments", new ObjectKey("default", "hello-00001-deployment")));
        var deployment = TheDeployment();
        deployment.Metadata.Generation.Should().Be(1, "its specification is the same, so no pod is replaced");
        JsonNode
            .DeepEquals(
                JsonSerializer.SerializeToNode(deployment, Resources.Deployments.Json)!["spec"],
                JsonSerializer.SerializeToNode(Golden(), Resources.Deployments.Json)!["spec"]
            )
            .Should()
            .BeTrue();
        deployment.Metadata.Labels[ServingKeys.DeploymentHash].Should().StartWith("0");
        (await ReconcileEverythingAsync()).Should().BeEmpty("it is settled");
    }

    [Test]
    public async Task Pods_of_an_older_release_with_another_sidecar_environment_stay()
    {
        Begin(document =>
        {
            if ((string)document["kind"]! == "Deployment")
            {
                document["metadata"]!["labels"]!.AsObject().Remove(ServingKeys.DeploymentHash);
                var queue = document["spec"]!["template"]!["spec"]!["containers"]![1]!;
                var env = queue["env"]!.AsArray();
                env.Remove(env.Single(variable => (string)variable!["name"]! == "OBSERVABILITY_CONFIG"));
                env.Add(new JsonObject { ["name"] = "TRACING_CONFIG_BACKEND", ["value"] = "none" });
            }
        });

        await ReconcileEverythingAsync();

        var deployment = TheDeployment();
        deployment.Metadata.Generation.Should().Be(1);
        deployment
            .Spec!.Template!.Spec!.Containers[1]
            .Env.Select(variable => variable.Name)
            .Should()
            .Contain("TRACING_CONFIG_BACKEND")
            .And.NotContain("OBSERVABILITY_CONFIG");
    }

    [Test]
    public async Task A_deliberate_change_of_the_sidecar_image_replaces_the_pods()
    {
        await ReconcileEverythingAsync();

        _ours.Config = TheirConfig with { Deployment = TheirConfig.Deployment with { QueueSidecarImage = "example.com/our-queue:1" } };
        await ReconcileEverythingAsync();

        var deployment = TheDeployment();
        deployment.Metadata.Generation.Should().Be(2);
        deployment.Spec!.Template!.Spec!.Containers[1].Image.Should().Be("example.com/our-queue:1");
    }

    [Test]
    public async Task An_image_changed_before_we_came_is_not_adopted_but_made_so()
    {
        _ours.Config = TheirConfig with { Deployment = TheirConfig.Deployment with { QueueSidecarImage = "example.com/our-queue:1" } };

        await ReconcileEverythingAsync();

        TheDeployment().Spec!.Template!.Spec!.Containers[1].Image.Should().Be("example.com/our-queue:1");
    }

    [Test]
    public async Task A_later_change_of_the_configuration_reaches_adopted_pods()
    {
        await ReconcileEverythingAsync();

        _ours.Config = TheirConfig with { Logging = TheirConfig.Logging with { ZapLoggerConfig = "{}" } };
        await ReconcileEverythingAsync();

        TheDeployment()
            .Spec!.Template!.Spec!.Containers[1]
            .Env.Should()
            .Contain(variable => variable.Name == "SERVING_LOGGING_CONFIG" && variable.Value == "{}");
    }

    [Test]
    public async Task Going_back_and_coming_again_replaces_no_pods()
    {
        await ReconcileEverythingAsync();

        // The reference implementation writes what it wants over ours: the same specification, its own hash.
        var back = TheDeployment();
        Cluster.Put(Resources.Deployments, back with { Metadata = back.Metadata with { Labels = Golden().Metadata.Labels } });
        await ReconcileEverythingAsync();

        TheDeployment().Metadata.Generation.Should().Be(1);
        TheDeployment().Metadata.Labels[ServingKeys.DeploymentHash].Should().NotBe(ForeignHash);
    }

    [Test]
    public async Task Fields_of_a_newer_release_survive_every_write_of_ours()
    {
        // As during an upgrade: what the newer release wrote meets the older one, which comes to lead.
        const string Field = "fromTheFuture";
        string[] places = ["spec", "status", "metadata"];
        Begin(document =>
        {
            if ((string)document["kind"]! is "Deployment" or "Pod" or "Endpoints")
            {
                return;
            }

            document[Field] = "root";
            foreach (var place in places.Where(document.ContainsKey))
            {
                document[place]![Field] = place;
            }
        });
        await ReconcileEverythingAsync();

        // Changes that have most of the objects written, specification and status.
        _ours.Config = TheirConfig with
        {
            Network = TheirConfig.Network with { HttpProtocol = HttpProtocol.Redirected },
        };
        var revision = Cluster.Find(Resources.Revisions, "default", "hello-00001")!;
        var containers = revision.Spec.Containers.Select(container => container with { Env = [] }).ToList();
        Cluster.Put(Resources.Revisions, revision with { Spec = revision.Spec with { ContainerConcurrency = 7, Containers = containers } });
        await Cluster.DeleteAsync(Resources.Pods, "default", "hello-00001-deployment-x", CancellationToken.None);
        var endpoints = Cluster.Find(Resources.Endpoints, "default", "hello-00001-private")!;
        Cluster.Put(Resources.Endpoints, endpoints with { Subsets = [] });
        var writes = await ReconcileEverythingAsync();

        writes.Select(write => write.Plural).Should().Contain(["podautoscalers", "ingresses", "serverlessservices", "routes"]);
        foreach (
            var document in ReferenceObjects.All.Where(document => (string)document["kind"]! is not ("Deployment" or "Pod" or "Endpoints"))
        )
        {
            var found = Cluster
                .Find(
                    ReferenceObjects.TypeOf(document),
                    (string)document["metadata"]!["namespace"]!,
                    (string)document["metadata"]!["name"]!
                )!
                .ToJson();
            ((string?)found[Field]).Should().Be("root", "{0} {1}", document["kind"], document["metadata"]!["name"]);
            foreach (var place in places.Where(document.ContainsKey))
            {
                ((string?)found[place]![Field])
                    .Should()
                    .Be(place, "{0} of {1} {2}", place, document["kind"], document["metadata"]!["name"]);
            }
        }
    }

    [Test]
    public async Task Even_written_in_full_the_Deployment_is_the_same_to_a_real_server()
    {
        await using var server = await RunningServer.StartAsync();
        const string path = "/apis/apps/v1/namespaces/default/deployments";
        var golden = ReferenceObjects.Of("Deployment", "hello-00001-deployment");
        golden["metadata"]!.AsObject().Remove("ownerReferences");
        (await server.PostAsync(path, golden.ToJsonString())).Code.Should().Be(201);
        var before = (await server.GetAsync($"{path}/hello-00001-deployment")).Body;
        var stored = JsonSerializer.Deserialize(before, Resources.Deployments.Json)!;
        var wanted = DeploymentMaker.Make(Cluster.Find(Resources.Revisions, "default", "hello-00001")!, TheirConfig, "knative-serving");
        var existing = stored with
        {
            Metadata = stored.Metadata with
            {
                Labels = new Dictionary<string, string>(stored.Metadata.Labels) { [ServingKeys.DeploymentHash] = "0other" },
            },
        };

        var update = DeploymentMaker.Update(existing, wanted)!;
        var (code, body) = await server.SendAsync(
            HttpMethod.Put,
            $"{path}/hello-00001-deployment",
            JsonSerializer.Serialize(update, Resources.Deployments.Json)
        );

        code.Should().Be(200);
        update
            .Spec!.Template!.Spec!.Containers[1]
            .ReadinessProbe!.PeriodSeconds.Should()
            .BeNull("it is our own wish, not a copy of what is there");
        Lines(body["spec"]!).Except(Lines(before["spec"]!)).Should().BeEmpty();
        Lines(before["spec"]!).Except(Lines(body["spec"]!)).Should().BeEmpty();
        ((int)body["metadata"]!["generation"]!).Should().Be(1, "the specification is the same, so no pod is replaced");

        static string[] Lines(JsonNode node) => Sorted(node)!.ToJsonString(new JsonSerializerOptions { WriteIndented = true }).Split('\n');
        static JsonNode? Sorted(JsonNode? node) =>
            node switch
            {
                JsonObject value => new JsonObject(
                    value
                        .OrderBy(pair => pair.Key, StringComparer.Ordinal)
                        .Select(pair => KeyValuePair.Create(pair.Key, Sorted(pair.Value)))
                ),
                JsonArray value => new JsonArray([.. value.Select(Sorted)]),
                _ => node?.DeepClone(),
            };
    }

    private void Begin(Action<JsonObject> change)
    {
        _ours = new ReconcilingCluster { Config = TheirConfig };
        foreach (var document in ReferenceObjects.All.Select(document => document.DeepClone().AsObject()))
        {
            change(document);
            ReferenceObjects.Put(Cluster, document);
        }
    }

    /// <summary>Lets every reconciler look at everything until nothing changes; gives the writes.</summary>
    private async Task<IReadOnlyList<InMemoryCluster.Request>> ReconcileEverythingAsync()
    {
        var environment = new ClusterEnvironment("knative-serving", "cluster.local", "serving-0", IPAddress.Loopback);
        var serverless = new ServerlessServiceReconciler(Cluster, environment, _ours.Events, _ours.Time);
        var informers = new AutoscalerInformers(Cluster);
        var deciders = new Deciders(
            new Steady(),
            key => RevisionPods.Count(informers.Pods.Lister, key.Namespace, key.Name).Ready,
            _ours.Time,
            NullLogger.Instance
        );
        var autoscaler = new PodAutoscalerReconciler(
            informers,
            () => _ours.Config,
            deciders,
            new NeverAsked(),
            new PodCountBoard(),
            _ours.Events,
            _ours.Time,
            new Parking(_ours.Events, _ => Task.FromResult(true), _ours.Time),
            static (_, _) => { }
        );
        var key = new ObjectKey("default", "hello-00001");
        var writes = new List<InMemoryCluster.Request>();
        for (var round = 0; round < 3; round++)
        {
            Cluster.ForgetWrites();
            await _ours.ReconcileOnceAsync();
            await serverless.ReconcileAsync(key, Cluster, CancellationToken.None);
            await autoscaler.ReconcileAsync(key, Cluster, CancellationToken.None);
            writes.AddRange(Cluster.Writes);
        }

        return writes;
    }

    private Deployment TheDeployment() => Cluster.Find(Resources.Deployments, "default", "hello-00001-deployment")!;

    private static Deployment Golden() =>
        JsonSerializer.Deserialize(ReferenceObjects.Of("Deployment", "hello-00001-deployment"), Resources.Deployments.Json)!;

    /// <summary>One request at a time, as before the takeover.</summary>
    private sealed class Steady : IMetricSource
    {
        public (double Stable, double Panic)? Average(ObjectKey key, string metric, DateTimeOffset now) => (1, 1);
    }

    private sealed class NeverAsked : IActivatorProbe
    {
        public Task<bool> IsInPathAsync(string ns, string service, CancellationToken cancellation) =>
            throw new InvalidOperationException("a Revision that serves is not about to go to zero");
    }
}

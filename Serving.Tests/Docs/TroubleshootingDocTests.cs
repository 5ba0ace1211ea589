using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Tests.Controller;

namespace Serving.Tests.Docs;

/// <summary>docs/troubleshooting.md shows for every mistake what the product says of it, to the letter.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TroubleshootingDocTests
{
    private const string Domain = "shop.example.org";

    private static readonly IReadOnlyDictionary<string, string> Blocks = TroubleshootingDoc.Conditions;
    private readonly ReconcilingCluster _world = new();

    /// <summary>The status of the pod that each mistake leads to, as a kubelet writes it.</summary>
    private static readonly Dictionary<string, string> Pods = new()
    {
        ["The image cannot be pulled"] = Waiting(
            "ErrImagePull",
            "failed to pull and unpack image \"registry.example.com/shop:v2\": not found"
        ),
        ["The program ends with an error"] = Ended(
            """{"exitCode":1,"reason":"Error","message":"Unhandled exception: DATABASE_URL is not set\n"}"""
        ),
        ["The program does not listen at $PORT"] = Running,
        ["The readiness probe does not succeed"] = Running,
        ["A variable names a Secret or ConfigMap that does not exist"] = Waiting("CreateContainerConfigError", "secret \"db\" not found"),
        ["A volume names a Secret or ConfigMap that does not exist"] = Creating,
        ["No node has room for the pod"] = """
            {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: 3 Insufficient cpu. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."}]}
            """,
        ["A volume claim does not exist"] = """
            {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/3 nodes are available: persistentvolumeclaim \"data\" not found. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling."}]}
            """,
        ["The program needs more memory than its limit"] = Ended("""{"exitCode":137,"reason":"OOMKilled"}"""),
        ["The image is for another processor"] = Ended(
            """{"exitCode":255,"reason":"Error","message":"exec /app/shop: exec format error\n"}"""
        ),
        ["An init container fails"] = """
            {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"True"}],
            "initContainerStatuses":[{"name":"migrate","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":2,"reason":"Error","message":"no connection to db:5432\n"}}}],
            "containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"PodInitializing"}}}]}
            """,
    };

    private static string Running =>
        """
            {"phase":"Running","conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"False"}],
            "containerStatuses":[{"name":"user-container","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}},{"name":"queue-proxy","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}
            """;

    private static string Creating =>
        """
            {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"True"}],
            "containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"ContainerCreating"}}}]}
            """;

    private static IEnumerable<string> PodMistakes => Pods.Keys;

    [Test]
    public void It_shows_fifteen_mistakes() =>
        Blocks.Keys.Should().BeEquivalentTo([.. Pods.Keys, QuotaExceeded, AccountMissing, NameTaken, NotClaimed]);

    private const string QuotaExceeded = "A quota is used up";
    private const string AccountMissing = "The ServiceAccount does not exist";
    private const string NameTaken = "Another object has the name";
    private const string NotClaimed = "Nobody has claimed the domain of a DomainMapping";

    [TestCaseSource(nameof(PodMistakes))]
    public async Task It_shows_what_is_said_of_a_pod(string mistake)
    {
        var probe = mistake.Contains("probe", StringComparison.Ordinal)
            ? new Probe { HttpGet = new HttpGetAction { Path = "/healthz" } }
            : null;
        PutService(container => probe is null ? container : container with { ReadinessProbe = probe });
        await _world.SettleAsync();
        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "shop-00001")!;
        _world.Cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Name = "p",
                    Namespace = Samples.Namespace,
                    Labels = new Dictionary<string, string> { [ServingKeys.RevisionUid] = revision.Metadata.Uid },
                },
                Status = JsonSerializer.Deserialize<PodStatus>(Pods[mistake], Resources.Pods.Json.Options)! with
                {
                    StartTime = _world.Start,
                },
            }
        );
        _world.Cluster.Put(
            Resources.Events,
            new Event
            {
                Metadata = new ObjectMeta { Name = "p.1", Namespace = Samples.Namespace },
                InvolvedObject = new ObjectReference
                {
                    Kind = "Pod",
                    Name = "p",
                    Namespace = Samples.Namespace,
                },
                Reason = "FailedMount",
                Message = "MountVolume.SetUp failed for volume \"tls\" : secret \"shop-tls\" not found",
                Count = 1,
                LastTimestamp = _world.Start,
            }
        );
        _world.Time.Advance(TimeSpan.FromSeconds(15));

        await _world.SettleAsync();

        Shown().Should().Be(Blocks[mistake]);
    }

    [TestCase(QuotaExceeded, "exceeded quota: team, requested: pods=1, used: pods=10, limited: pods=10")]
    [TestCase(AccountMissing, "error looking up service account default/shop: serviceaccount \"shop\" not found")]
    public async Task It_shows_what_is_said_of_a_pod_that_may_not_be(string mistake, string why)
    {
        PutService();
        await _world.SettleAsync();
        var deployment = _world.Cluster.Find(Resources.Deployments, Samples.Namespace, "shop-00001-deployment")!;
        _world.Cluster.Put(
            Resources.Deployments,
            deployment with
            {
                Status = new DeploymentStatus
                {
                    Conditions =
                    [
                        new Condition { Type = "Progressing", Status = "True" },
                        new Condition
                        {
                            Type = "ReplicaFailure",
                            Status = "True",
                            Reason = "FailedCreate",
                            Message = $"pods \"shop-00001-deployment-5c7d9b8f4-\" is forbidden: {why}",
                        },
                    ],
                },
            }
        );

        await _world.SettleAsync();

        Shown().Should().Be(Blocks[mistake]);
    }

    [Test]
    public async Task It_shows_what_is_said_of_a_name_that_is_taken()
    {
        _world.Cluster.Put(
            Resources.Services,
            new CoreService
            {
                ApiVersion = "v1",
                Kind = "Service",
                Metadata = new ObjectMeta { Name = "shop", Namespace = Samples.Namespace },
            }
        );
        PutService();

        await _world.SettleWithFailuresAsync();
        _world.MakeReady("shop-00001");
        await _world.SettleWithFailuresAsync();

        Shown().Should().Be(Blocks[NameTaken]);
    }

    [Test]
    public async Task It_shows_what_is_said_of_a_domain_that_is_not_claimed()
    {
        PutService();
        _world.Cluster.Put(
            Resources.DomainMappings,
            new DomainMapping
            {
                ApiVersion = Resources.DomainMappings.ApiVersion,
                Kind = "DomainMapping",
                Metadata = new ObjectMeta { Namespace = Samples.Namespace, Name = Domain },
                Spec = new DomainMappingSpec
                {
                    Ref = new ObjectReference
                    {
                        ApiVersion = "serving.knative.dev/v1",
                        Kind = "Service",
                        Name = "shop",
                        Namespace = Samples.Namespace,
                    },
                },
            }
        );

        await _world.SettleWithFailuresAsync();

        TroubleshootingDoc
            .Shown(_world.Cluster.Find(Resources.DomainMappings, Samples.Namespace, Domain)!.Status.Conditions)
            .Should()
            .Be(Blocks[NotClaimed]);
    }

    private static string Waiting(string reason, string message) =>
        $$$$$$"""{"phase":"Pending","containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"{{{{{{reason}}}}}}","message":{{{{{{JsonSerializer.Serialize(message)}}}}}} }}}]}""";

    private static string Ended(string terminated) =>
        $$$$$$"""{"phase":"Running","containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{{{{{{terminated}}}}}} }}]}""";

    private void PutService(Func<Container, Container>? change = null)
    {
        var service = Samples.Service("shop");
        var containers = service.Spec.Template.Spec.Containers;
        _world.Cluster.Put(
            Resources.KnativeServices,
            service with
            {
                Spec = service.Spec with
                {
                    Template = service.Spec.Template with
                    {
                        Spec = service.Spec.Template.Spec with
                        {
                            Containers = [(change ?? (static container => container))(containers[0])],
                        },
                    },
                },
            }
        );
    }

    private string Shown() =>
        TroubleshootingDoc.Shown(_world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "shop")!.Status.Conditions);
}

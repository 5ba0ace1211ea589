using System.Text.Json;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Controller.Revisions.Resources;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Controller;

/// <summary>What keeps pods from serving, as it stands in the conditions of the Service that they are of.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class PodProblemTests
{
    private readonly ReconcilingCluster _world = new();

    [TestCase("ErrImagePull", "no such host")]
    [TestCase("ImagePullBackOff", "Back-off pulling image \"app:1\"")]
    [TestCase("InvalidImageName", "Failed to apply default image tag \"App:1\": couldn't parse image name")]
    [TestCase("ErrImageNeverPull", "Container image \"app:1\" is not present with pull policy of Never")]
    [TestCase("ImageInspectError", "Failed to inspect image \"app:1\"")]
    [TestCase("CreateContainerConfigError", "secret \"no\" not found")]
    [TestCase("CreateContainerError", "context deadline exceeded")]
    [TestCase("RunContainerError", "failed to start container")]
    public async Task A_reason_to_wait_that_does_not_end_by_itself_is_reported_at_once(string reason, string message)
    {
        await PutPodAsync(
            $$$$$$"""{"containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"{{{{{{reason}}}}}}","message":{{{{{{JsonSerializer.Serialize(message)}}}}}} }}}]}"""
        );

        (await SettleAsync())
            .Should()
            .Match<Condition>(ready =>
                ready.Status == "False"
                && ready.Reason == "RevisionFailed"
                && ready.Message == $"Revision \"hello-00001\" failed with message: {message}."
            );
        RevisionCondition("ResourcesAvailable")
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "False",
                    Reason = reason,
                    Message = message,
                }
            );
    }

    [TestCase("InvalidImageName", "\"App:1\" is no valid name of an image.")]
    [TestCase("ErrImageNeverPull", "Image \"App:1\" is not on the node, and its pull policy is Never.")]
    public async Task A_reason_without_a_message_is_put_into_words(string reason, string message)
    {
        await PutPodAsync(
            $$$$$$"""{"containerStatuses":[{"name":"user-container","image":"App:1","state":{"waiting":{"reason":"{{{{{{reason}}}}}}"}}}]}"""
        );

        await SettleAsync();

        RevisionCondition("ResourcesAvailable").Message.Should().Be(message);
    }

    [TestCase("ContainerCreating")]
    [TestCase("PodInitializing")]
    [TestCase("SomethingNew")]
    public async Task A_reason_to_wait_that_may_end_by_itself_is_not(string reason)
    {
        await PutPodAsync(
            $$$$$$"""{"phase":"Pending","containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"{{{{{{reason}}}}}}"}}}]}"""
        );

        (await SettleAsync()).Status.Should().Be("Unknown");
    }

    [TestCase("""{"exitCode":3,"message":"no database"}""", "ExitCode3", "no database")]
    [TestCase("""{"exitCode":1}""", "ExitCode1", "exit code 1, without a termination message or a log")]
    [TestCase("""{"exitCode":0}""", "ExitCode0", "container exited with no error")]
    [TestCase(
        """{"exitCode":137,"reason":"OOMKilled"}""",
        "ExitCode137",
        "OOMKilled: the container used more memory than resources.limits.memory allows; raise it, or use less"
    )]
    [TestCase(
        """{"exitCode":137,"reason":"OOMKilled","message":"loading"}""",
        "ExitCode137",
        "loading (OOMKilled: the container used more memory than resources.limits.memory allows; raise it, or use less)"
    )]
    [TestCase(
        """{"exitCode":137,"reason":"Error"}""",
        "ExitCode137",
        "exit code 137: the container was killed (SIGKILL), as by its liveness probe or for want of memory"
    )]
    [TestCase(
        """{"exitCode":127,"reason":"Error"}""",
        "ExitCode127",
        "exit code 127: the command was not found in the image; look at command and args of the container"
    )]
    [TestCase("""{"exitCode":134,"reason":"Error"}""", "ExitCode134", "exit code 134: ended by signal 6")]
    [TestCase(
        """{"exitCode":1,"message":"exec /app: exec format error"}""",
        "ExitCode1",
        "exec /app: exec format error (the program is for another processor architecture than the node's, or a script without #! in its first line)"
    )]
    [TestCase(
        """{"exitCode":128,"reason":"StartError","message":"exec: \"/nope\": stat /nope: no such file or directory"}""",
        "ExitCode128",
        "exec: \"/nope\": stat /nope: no such file or directory (the image has no such program: look at command and args of the container)"
    )]
    public async Task An_end_of_the_program_is_put_into_words(string terminated, string reason, string words)
    {
        await PutPodAsync(
            $$$$$$"""{"containerStatuses":[{"name":"user-container","lastState":{"terminated":{{{{{{terminated}}}}}} },"state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"""
        );

        (await SettleAsync()).Message.Should().Be($"Revision \"hello-00001\" failed with message: Container failed with: {words}.");
        RevisionCondition("ContainerHealthy").Should().BeEquivalentTo(new { Status = "False", Reason = reason });
    }

    [Test]
    public async Task A_failed_init_container_is_named_with_the_end_of_its_log()
    {
        await PutPodAsync(
            """
            {"phase":"Pending","initContainerStatuses":[{"name":"migrate","state":{"waiting":{"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":2,"reason":"Error","message":"no schema"}}}],
            "containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"PodInitializing"}}}]}
            """
        );

        (await SettleAsync())
            .Message.Should()
            .Be("Revision \"hello-00001\" failed with message: Init container \"migrate\" failed with: no schema.");
    }

    [Test]
    public async Task An_init_container_that_succeeded_on_its_second_try_is_no_failure()
    {
        await PutPodAsync(
            """
            {"phase":"Pending","initContainerStatuses":[{"name":"migrate","restartCount":1,"state":{"terminated":{"exitCode":0,"reason":"Completed"}},"lastState":{"terminated":{"exitCode":2,"reason":"Error","message":"no schema"}}}],
            "containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"PodInitializing"}}}]}
            """
        );

        (await SettleAsync()).Status.Should().Be("Unknown");
    }

    [Test]
    public async Task The_end_of_the_log_of_an_init_container_is_kept_for_that()
    {
        var service = Samples.Service();
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
                            InitContainers =
                            [
                                new Container { Name = "migrate", Image = "m:1" },
                                new Container
                                {
                                    Name = "own",
                                    Image = "m:1",
                                    TerminationMessagePolicy = "File",
                                },
                            ],
                        },
                    },
                },
            }
        );
        await _world.SettleAsync();

        _world
            .Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment")!
            .Spec!.Template!.Spec!.InitContainers.Select(static container => container.TerminationMessagePolicy)
            .Should()
            .Equal("FallbackToLogsOnError", "File");
    }

    [TestCase("FailedMount", 1, "MountVolume.SetUp failed for volume \"v\" : secret \"no\" not found", true)]
    [TestCase("FailedMount", 1, "MountVolume.SetUp failed for volume \"v\" : configmap \"no\" not found", true)]
    [TestCase("FailedAttachVolume", 3, "AttachVolume.Attach failed for volume \"v\" : timed out", true)]
    [TestCase("FailedMount", 1, "MountVolume.SetUp failed for volume \"v\" : object \"default\"/\"yes\" not registered", false)]
    [TestCase(
        "FailedMount",
        1,
        "MountVolume.SetUp failed for volume \"v\" : failed to sync secret cache: timed out waiting for the condition",
        false
    )]
    [TestCase("Pulling", 5, "Pulling image \"app:1\"", false)]
    public async Task A_volume_that_cannot_be_mounted_is_read_from_the_events_of_the_pod(
        string reason,
        int count,
        string message,
        bool isReported
    )
    {
        await PutPodAsync(Creating);
        await SettleAsync();
        PutEvent(reason, count, message);
        _world.Time.Advance(TimeSpan.FromSeconds(3));

        var ready = await SettleAsync();

        ready.Status.Should().Be(isReported ? "False" : "Unknown");
        if (isReported)
        {
            RevisionCondition("ResourcesAvailable")
                .Should()
                .BeEquivalentTo(
                    new
                    {
                        Status = "False",
                        Reason = reason,
                        Message = message,
                    }
                );
            ready.Message.Should().Contain(message);
        }
    }

    [Test]
    public async Task A_mount_that_works_after_all_is_no_failure_any_more()
    {
        await PutPodAsync(Creating);
        PutEvent("FailedMount", 1, "MountVolume.SetUp failed for volume \"v\" : secret \"no\" not found");
        _world.Time.Advance(TimeSpan.FromSeconds(3));
        (await SettleAsync()).Status.Should().Be("False");

        await PutPodAsync("""{"phase":"Running","containerStatuses":[{"name":"user-container","state":{"running":{}}}]}""");

        (await SettleAsync()).Status.Should().Be("Unknown");
    }

    [Test]
    public async Task Without_the_right_to_read_events_nothing_fails()
    {
        await PutPodAsync(Creating);
        _world.Time.Advance(TimeSpan.FromSeconds(3));
        _world.Cluster.FailNext(
            static request => request is { Verb: "list", Plural: "events" },
            new KubernetesException(
                "list events",
                new Status
                {
                    Code = 403,
                    Reason = "Forbidden",
                    Message = "no",
                }
            )
        );

        (await SettleAsync()).Status.Should().Be("Unknown");
    }

    [Test]
    public async Task A_pod_that_starts_is_looked_at_again_at_growing_intervals()
    {
        await PutPodAsync(Creating);
        var key = new ObjectKey(Samples.Namespace, "hello-00001");
        var waits = new List<double?>();
        foreach (var age in (int[])[0, 2, 4, 8, 40])
        {
            _world.Time.Advance(_world.Start + TimeSpan.FromSeconds(age) - _world.Time.GetUtcNow());
            waits.Add((await _world.Revisions.ReconcileAsync(key, _world.Cluster, CancellationToken.None)).Requeue?.TotalSeconds);
        }

        waits.Should().Equal(2, 2, 4, 8, 30);
    }

    [Test]
    public async Task A_program_that_does_not_listen_is_reported_as_what_is_waited_for()
    {
        var running = $$$$$$"""
            {"phase":"Running","conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"False"}],
            "containerStatuses":[{"name":"user-container","state":{"running":{"startedAt":"{{{{{{_world.Start:yyyy-MM-ddTHH:mm:ssZ}}}}}}"}}},{"name":"queue-proxy","state":{"running":{"startedAt":"{{{{{{_world.Start:yyyy-MM-ddTHH:mm:ssZ}}}}}}"}}}]}
            """;
        await PutPodAsync(running);
        _world.Time.Advance(TimeSpan.FromSeconds(5));
        (await SettleAsync()).Message.Should().NotContain("listen");
        _world.Time.Advance(TimeSpan.FromSeconds(6));

        (await SettleAsync())
            .Should()
            .BeEquivalentTo(
                new
                {
                    Status = "Unknown",
                    Message = "Revision \"hello-00001\" waits: The container runs for more than 10 s, but nothing listens at port 8080: "
                        + "the program must listen at the port in the variable PORT, on all addresses.",
                }
            );

        var deployment = _world.Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment")!;
        _world.Cluster.Put(
            Resources.Deployments,
            deployment with
            {
                Status = new DeploymentStatus
                {
                    Conditions =
                    [
                        new Condition
                        {
                            Type = "Progressing",
                            Status = "False",
                            Reason = "ProgressDeadlineExceeded",
                            Message = "timed out",
                        },
                    ],
                },
            }
        );
        (await SettleAsync())
            .Should()
            .Match<Condition>(ready => ready.Status == "False" && ready.Message.Contains("nothing listens at port 8080"));
    }

    [Test]
    public async Task A_Revision_that_has_served_stays_ready_while_its_pod_is_not()
    {
        await PutPodAsync("{}");
        _world.MakeReady("hello-00001");
        await SettleAsync();
        await PutPodAsync(
            $$$$$$"""{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[{"name":"user-container","state":{"running":{"startedAt":"{{{{{{_world.Start:yyyy-MM-ddTHH:mm:ssZ}}}}}}"}}}]}"""
        );
        var deployment = _world.Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment")!;
        _world.Cluster.Put(
            Resources.Deployments,
            deployment with
            {
                Status = deployment.Status! with { AvailableReplicas = 0, ReadyReplicas = 0 },
            }
        );
        _world.Time.Advance(TimeSpan.FromMinutes(1));

        await SettleAsync();

        RevisionCondition("Ready").Status.Should().Be("True");
    }

    [Test]
    public async Task A_pod_that_the_node_gave_up_says_why()
    {
        await PutPodAsync("""{"phase":"Failed","reason":"Evicted","message":"The node was low on resource: memory."}""");

        (await SettleAsync()).Message.Should().Contain("The node was low on resource: memory.");
    }

    [TestCase("exceeded quota: few, requested: pods=1, used: pods=0, limited: pods=0")]
    [TestCase("error looking up service account default/nobody: serviceaccount \"nobody\" not found")]
    public async Task A_pod_that_may_not_be_created_says_why(string why)
    {
        await PutPodAsync("{}");
        var deployment = _world.Cluster.Find(Resources.Deployments, Samples.Namespace, "hello-00001-deployment")!;
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
                            Message = $"pods \"hello-00001-deployment-1-\" is forbidden: {why}",
                        },
                    ],
                },
            }
        );

        (await SettleAsync()).Message.Should().Contain(why);
    }

    [TestCase("ImagePullBackOff", "True", "Reachable")]
    [TestCase("ImagePullBackOff", "False", "Unreachable")]
    [TestCase("FailedMount", "True", "Reachable")]
    [TestCase("FailedCreate", "True", "Unreachable")]
    public void A_Revision_in_use_keeps_its_scale_while_its_pods_are_tried_on(string reason, string progressing, string reachability)
    {
        var revision = Samples.Revision();
        revision = revision with { Status = revision.Status.MarkResourcesAvailableFalse(reason, "", _world.Start) };
        var deployment = new Deployment
        {
            Spec = new DeploymentSpec { Replicas = 2 },
            Status = new DeploymentStatus { Conditions = [new Condition { Type = "Progressing", Status = progressing }] },
        };

        PodAutoscalerMaker.Make(revision, deployment, "").Spec.Reachability.Should().Be(reachability);
    }

    private const string Creating = """
        {"phase":"Pending","conditions":[{"type":"PodScheduled","status":"True"}],
        "containerStatuses":[{"name":"user-container","state":{"waiting":{"reason":"ContainerCreating"}}},{"name":"queue-proxy","state":{"waiting":{"reason":"ContainerCreating"}}}]}
        """;

    private async Task PutPodAsync(string status)
    {
        if (_world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello") is null)
        {
            _world.Cluster.Put(Resources.KnativeServices, Samples.Service());
        }

        await _world.SettleAsync();
        var revision = _world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!;
        _world.Cluster.Put(
            Resources.Pods,
            new Pod
            {
                ApiVersion = "v1",
                Kind = "Pod",
                Metadata = new ObjectMeta
                {
                    Name = "p",
                    Uid = "pod-uid",
                    Namespace = Samples.Namespace,
                    CreationTimestamp = _world.Start,
                    Labels = new Dictionary<string, string> { [ServingKeys.RevisionUid] = revision.Metadata.Uid },
                },
                Status = JsonSerializer.Deserialize<PodStatus>(status, Resources.Pods.Json.Options)! with { StartTime = _world.Start },
            }
        );
    }

    private void PutEvent(string reason, int count, string message) =>
        _world.Cluster.Put(
            Resources.Events,
            new Event
            {
                ApiVersion = "v1",
                Kind = "Event",
                Metadata = new ObjectMeta { Name = "p.1", Namespace = Samples.Namespace },
                InvolvedObject = new ObjectReference
                {
                    Kind = "Pod",
                    Name = "p",
                    Namespace = Samples.Namespace,
                    Uid = "pod-uid",
                },
                Type = "Warning",
                Reason = reason,
                Message = message,
                Count = count,
                LastTimestamp = _world.Time.GetUtcNow(),
            }
        );

    /// <summary>The condition Ready of the Service when everybody has heard of what happened.</summary>
    private async Task<Condition> SettleAsync()
    {
        await _world.SettleAsync();
        return ConditionSet.Get(
            _world.Cluster.Find(Resources.KnativeServices, Samples.Namespace, "hello")!.Status.Conditions,
            "ConfigurationsReady"
        )!;
    }

    private Condition RevisionCondition(string type) =>
        ConditionSet.Get(_world.Cluster.Find(Resources.Revisions, Samples.Namespace, "hello-00001")!.Status.Conditions, type)!;
}

using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class LocalNodeTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);
    private NodeFixture _node = null!;

    [SetUp]
    public void StartNode() => _node = new NodeFixture();

    [TearDown]
    public async Task StopNode() => await _node.DisposeAsync();

    [Test]
    public Task Registers_itself_as_ready() =>
        Eventually.HoldsAsync(() =>
        {
            var node = _node.Cluster.Find(Resources.Nodes, null, "local")!;
            var status = node.ExtensionData!["status"];
            status
                .GetProperty("conditions")
                .EnumerateArray()
                .Single(c => c.GetProperty("type").GetString() == "Ready")
                .GetProperty("status")
                .GetString()
                .Should()
                .Be("True");
            status.GetProperty("capacity").GetProperty("cpu").GetString().Should().Be(Environment.ProcessorCount.ToString());
        });

    [Test]
    public async Task Runs_a_pod_to_its_end_and_keeps_its_log()
    {
        _node.Start(
            "echo out; echo err >&2; echo $GREETING from $HOSTNAME at $IP",
            """ "env":[{"name":"A","value":"hi"},{"name":"GREETING","value":"$(A) there"},{"name":"IP","valueFrom":{"fieldRef":{"fieldPath":"status.podIP"}}}],""",
            """ "restartPolicy":"Never","""
        );

        await Eventually.HoldsAsync(() => _node.Pod().Status!.Phase.Should().Be("Succeeded"), Limit);

        var pod = _node.Pod();
        pod.Spec!.NodeName.Should().Be("local");
        pod.Status!.PodIP.Should().StartWith(_node.Subnet.Prefix);
        _node.Container().State!.Terminated!.Reason.Should().Be("Completed");
        _node
            .Log()
            .Should()
            .MatchRegex(@"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out$")
            .And.Contain(" err\n")
            .And.Contain($" hi there from p at {pod.Status.PodIP}\n");
        _node.Events.Should().Contain("Scheduled: Successfully assigned default/p to local").And.Contain("Started: Started container main");
    }

    [Test]
    public async Task A_container_that_crashes_is_restarted_at_once_and_then_with_back_off()
    {
        _node.Start("echo last words; exit 3", """ "terminationMessagePolicy":"FallbackToLogsOnError",""");

        await Eventually.HoldsAsync(() => _node.Container().State!.Waiting!.Reason.Should().Be("CrashLoopBackOff"), Limit);

        var status = _node.Container();
        status.RestartCount.Should().Be(1);
        status.LastState!.Terminated!.ExitCode.Should().Be(3);
        status.LastState.Terminated.Message.Should().Be("last words\n");
        status.State!.Waiting!.Message.Should().StartWith("back-off 10s restarting failed container=main pod=p_default(");
        _node.Pod().Status!.Phase.Should().Be("Running");
        _node.Log(restart: 1).Should().Contain("last words");
    }

    [Test]
    public async Task An_image_that_maps_to_nothing_says_what_to_do()
    {
        _node.Start("true", image: "nowhere/thing:1");

        await Eventually.HoldsAsync(() => _node.Container().State!.Waiting!.Reason.Should().Be("ErrImagePull"), Limit);
        _node
            .Container()
            .State!.Waiting!.Message.Should()
            .Be("image \"nowhere/thing:1\" is not in the image map: add --image 'nowhere/thing:1=COMMAND' to map it to a program");
        await Eventually.HoldsAsync(() => _node.Container().State!.Waiting!.Reason.Should().Be("ImagePullBackOff"), Limit);
        _node.Pod().Status!.Phase.Should().Be("Pending");
    }

    [Test]
    public async Task A_container_waits_for_the_ConfigMap_it_refers_to()
    {
        _node.Start("echo value=$V; sleep 60", """ "env":[{"name":"V","valueFrom":{"configMapKeyRef":{"name":"c","key":"k"}}}],""");
        await Eventually.HoldsAsync(() => _node.Container().State!.Waiting!.Reason.Should().Be("CreateContainerConfigError"), Limit);
        _node.Container().State!.Waiting!.Message.Should().Be("configmap \"c\" not found");

        _node.Cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new() { Name = "c", Namespace = "default" },
                Data = new Dictionary<string, string> { ["k"] = "v" },
            }
        );

        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("True"), Limit);
        await Eventually.HoldsAsync(() => _node.Log().Should().Contain("value=v"), Limit);
    }

    [Test]
    public async Task Readiness_follows_the_probe()
    {
        _node.Start("sleep 60", """ "readinessProbe":{"exec":{"command":["test","-f","ready"]},"periodSeconds":1,"failureThreshold":1},""");
        await Eventually.HoldsAsync(() => _node.Container().State!.Running.Should().NotBeNull(), Limit);
        _node.Condition("Ready").Should().Be("False");

        var file = Path.Combine(_node.Data, "pods", $"default_p_{_node.Pod().Metadata.Uid}", "ready");
        await File.WriteAllTextAsync(file, "");
        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("True"), Limit);

        File.Delete(file);
        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("False"), Limit);
        _node.Container().RestartCount.Should().Be(0);
    }

    [Test]
    public async Task A_container_that_fails_its_liveness_probe_is_restarted()
    {
        _node.Start(
            "touch alive; sleep 60",
            """ "livenessProbe":{"exec":{"command":["sh","-c","mv alive dead"]},"periodSeconds":1,"failureThreshold":1},"""
        );

        await Eventually.HoldsAsync(() => _node.Container().RestartCount.Should().Be(1), Limit);

        _node.Container().LastState!.Terminated!.ExitCode.Should().Be(143);
        _node.Events.Should().Contain("Killing: Container main failed liveness probe, will be restarted");
    }

    [Test]
    public async Task A_deleted_pod_is_asked_to_end_and_then_removed()
    {
        _node.Start(
            "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done",
            metadata: ""","finalizers":["test/hold"]""",
            container: """ "lifecycle":{"preStop":{"exec":{"command":["sh","-c","echo stopping > stopped"]}}},"""
        );
        await Eventually.HoldsAsync(() => _node.Log().Should().Contain(" up"), Limit);
        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("True"), Limit);

        await _node.Cluster.DeleteAsync(Resources.Pods, "default", "p", CancellationToken.None);

        await Eventually.HoldsAsync(() => _node.Container().State!.Terminated!.ExitCode.Should().Be(7), Limit);
        _node.Condition("Ready").Should().Be("False");
        _node.Log().Should().Contain(" bye");
        File.Exists(Path.Combine(_node.Data, "pods", $"default_p_{_node.Pod().Metadata.Uid}", "stopped")).Should().BeTrue();
        await Eventually.HoldsAsync(() => _node.Cluster.Writes.Count(w => w is { Verb: "delete", Plural: "pods" }).Should().Be(2), Limit);
    }

    [Test]
    public async Task A_container_that_ignores_SIGTERM_is_killed_when_its_time_is_over()
    {
        _node.Start(
            "trap '' TERM; echo up; while :; do sleep 1; done",
            spec: """ "terminationGracePeriodSeconds":1,""",
            metadata: ""","finalizers":["test/hold"]"""
        );
        await Eventually.HoldsAsync(() => _node.Log().Should().Contain(" up"), Limit);

        await _node.Cluster.DeleteAsync(Resources.Pods, "default", "p", CancellationToken.None);

        await Eventually.HoldsAsync(() => _node.Container().State!.Terminated!.ExitCode.Should().Be(137), Limit);
    }

    [Test]
    public async Task Files_and_processes_of_a_removed_pod_are_removed()
    {
        var pod = _node.Start("echo $$$$; sleep 1000 & wait");
        await Eventually.HoldsAsync(() => _node.Log().Should().EndWith("\n"), Limit);
        var id = int.Parse(_node.Log().Split(' ')[1].Trim());
        var directory = Path.Combine(_node.Data, "pods", $"default_p_{pod.Metadata.Uid}");

        await _node.Cluster.DeleteAsync(Resources.Pods, "default", "p", CancellationToken.None);

        await Eventually.HoldsAsync(() => Directory.Exists(directory).Should().BeFalse(), Limit);
        Directory.Exists($"/proc/{id}").Should().BeFalse();
    }

    [Test]
    public async Task Init_containers_run_one_after_the_other_before_the_rest()
    {
        _node.Create(
            """
            {"metadata":{"name":"p","namespace":"default"},"spec":{"restartPolicy":"Never",
             "volumes":[{"name":"shared","emptyDir":{}}],
             "initContainers":[
              {"name":"one","image":"sh","args":["-c","echo one >> $VOLUME_SHARED/order"],"volumeMounts":[{"name":"shared","mountPath":"/tmp/node-test-mount"}]},
              {"name":"side","image":"sh","restartPolicy":"Always","args":["-c","echo side >> $VOLUME_SHARED/order; exec sleep 100"],"volumeMounts":[{"name":"shared","mountPath":"/tmp/node-test-mount"}],
               "startupProbe":{"exec":{"command":["sh","-c","grep side $VOLUME_SHARED/order"]}}},
              {"name":"two","image":"sh","args":["-c","echo two >> $VOLUME_SHARED/order"],"volumeMounts":[{"name":"shared","mountPath":"/tmp/node-test-mount"}]}],
             "containers":[{"name":"main","image":"sh","args":["-c","cat $VOLUME_SHARED/order | tr '\\n' ' '"],"volumeMounts":[{"name":"shared","mountPath":"/tmp/node-test-mount"}]}]}}
            """
        );

        await Eventually.HoldsAsync(() => _node.Pod().Status!.Phase.Should().Be("Succeeded"), Limit);

        _node.Log().Should().EndWith(" one side two \n");
        _node.Condition("Initialized").Should().Be("True");
        await Eventually.HoldsAsync(
            () => _node.Pod().Status!.InitContainerStatuses[1].State!.Terminated.Should().NotBeNull("a sidecar ends after the rest"),
            Limit
        );
    }

    [Test]
    public async Task A_volume_follows_its_ConfigMap()
    {
        Put("one");
        _node.Start(
            "cat $VOLUME_CONF/key; until grep -q two $VOLUME_CONF/key; do sleep 0.02; done; cat $VOLUME_CONF/key $VOLUME_CONF/token $VOLUME_CONF/name",
            """ "volumeMounts":[{"name":"conf","mountPath":"/tmp/node-test-conf"}],""",
            """
            "restartPolicy":"Never","volumes":[{"name":"conf","projected":{"sources":[{"configMap":{"name":"c"}},
             {"serviceAccountToken":{"path":"token","audience":"me"}},{"downwardAPI":{"items":[{"path":"name","fieldRef":{"fieldPath":"metadata.name"}}]}}]}}],
            """
        );
        await Eventually.HoldsAsync(() => _node.Log().Should().Contain(" one"), Limit);

        Put("two");

        await Eventually.HoldsAsync(() => _node.Pod().Status!.Phase.Should().Be("Succeeded"), Limit);
        _node.Log().Should().Contain(" two\n").And.Contain("token of default for me");

        void Put(string value) =>
            _node.Cluster.Put(
                Resources.ConfigMaps,
                new ConfigMap
                {
                    Metadata = new() { Name = "c", Namespace = "default" },
                    Data = new Dictionary<string, string> { ["key"] = value + "\n" },
                }
            );
    }

    [Test]
    public async Task A_pod_that_runs_too_long_has_failed()
    {
        _node.Start("exec sleep 100", spec: """ "activeDeadlineSeconds":1,"terminationGracePeriodSeconds":1,""");

        await Eventually.HoldsAsync(() => _node.Pod().Status!.Reason.Should().Be("DeadlineExceeded"), Limit);
        await Eventually.HoldsAsync(() => _node.Container().State!.Terminated!.ExitCode.Should().Be(143), Limit);
        _node.Pod().Status!.Phase.Should().Be("Failed");
    }

    [Test]
    public async Task An_unschedulable_pod_says_why()
    {
        _node.Start("true", """ "resources":{"requests":{"cpu":"10000"}},""");

        await Eventually.HoldsAsync(() => _node.Condition("PodScheduled").Should().Be("False"), Limit);
        _node.Pod().Status!.Conditions[0].Reason.Should().Be("Unschedulable");
        _node.Pod().Spec!.NodeName.Should().BeEmpty();
    }

    [Test]
    public async Task A_pod_that_found_no_place_gets_one_when_another_pod_ends()
    {
        await using var small = new NodeFixture(maxPods: 1);
        small.Start("sleep 60", name: "first");
        await Eventually.HoldsAsync(() => small.Condition("Ready", "first").Should().Be("True"), Limit);
        small.Start("sleep 60", name: "second");
        await Eventually.HoldsAsync(() => small.Pod("second").Status!.Conditions[0].Message.Should().Contain("Too many pods"), Limit);

        await small.Cluster.DeleteAsync(Resources.Pods, "default", "first", CancellationToken.None);

        await Eventually.HoldsAsync(() => small.Condition("Ready", "second").Should().Be("True"), Limit);
        small.Condition("PodScheduled", "second").Should().Be("True");
    }

    [Test]
    public async Task A_cordoned_node_starts_nothing_until_it_is_uncordoned()
    {
        await Eventually.HoldsAsync(() => _node.Cluster.Find(Resources.Nodes, null, "local").Should().NotBeNull(), Limit);
        await PatchNodeAsync("""{"spec":{"unschedulable":true},"metadata":{"labels":{"mine":"yes"}}}""");
        _node.Start("sleep 60");
        await Eventually.HoldsAsync(
            () => _node.Pod().Status!.Conditions[0].Message.Should().Contain("1 node(s) were unschedulable"),
            Limit
        );

        await PatchNodeAsync("""{"spec":{"unschedulable":null}}""");

        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("True"), Limit);
        _node.Cluster.Find(Resources.Nodes, null, "local")!.Metadata.Labels.Should().ContainKey("mine");

        Task PatchNodeAsync(string patch) =>
            _node.Cluster.PatchAsync(
                Resources.Nodes,
                null,
                "local",
                new Serving.Kubernetes.Client.Patch(Serving.Kubernetes.Client.PatchType.Merge, patch),
                CancellationToken.None
            );
    }

    [Test]
    public async Task A_node_whose_object_was_deleted_registers_anew_and_keeps_its_lease()
    {
        await Eventually.HoldsAsync(
            () => _node.Cluster.Find(Resources.Leases, "kube-node-lease", "local")!.Spec!.HolderIdentity.Should().Be("local"),
            Limit
        );
        var uid = _node.Cluster.Find(Resources.Nodes, null, "local")!.Metadata.Uid;

        await _node.Cluster.DeleteAsync(Resources.Nodes, null, "local", CancellationToken.None);

        await Eventually.HoldsAsync(() => _node.Cluster.Find(Resources.Nodes, null, "local")!.Metadata.Uid.Should().NotBe(uid), Limit);
    }

    [Test]
    public async Task A_program_whose_port_is_taken_is_told_apart_from_others_that_fail()
    {
        _node.Start("echo 'listen tcp :8080: bind: address already in use' >&2; exit 1", spec: """ "restartPolicy":"Never",""");

        await Eventually.HoldsAsync(
            () =>
                _node
                    .Events.Should()
                    .Contain(e =>
                        e.StartsWith(
                            "AddressInUse: Container main exited because the address that it listens on is in use: all pods share the ports of this machine. Make the program listen on $LISTEN_ADDRESS (127."
                        )
                    ),
            Limit
        );
    }

    [Test]
    public async Task The_logs_of_this_run_and_the_one_before_are_kept()
    {
        const string uid = "11111111-2222-3333-4444-555555555555";
        var directory = Directory.CreateDirectory(Path.Combine(_node.Data, "pods", $"default_p_{uid}", "main"));
        foreach (var file in (string[])["2.log", "2.log.1", "3.log", "3.log.1", "4.log"])
        {
            await File.WriteAllTextAsync(Path.Combine(directory.FullName, file), "");
        }

        _node.Create(
            $$"""
            {"metadata":{"name":"p","namespace":"default","uid":"{{uid}}"},
             "spec":{"nodeName":"local","containers":[{"name":"main","image":"sh","args":["-c","echo up; sleep 60"]}]},
             "status":{"phase":"Running","containerStatuses":[{"name":"main","image":"sh","restartCount":4,"containerID":"process://x","state":{"running":{} } }] } }
            """
        );

        await Eventually.HoldsAsync(() => _node.Log(restart: 5).Should().Contain("up"), Limit);
        directory.EnumerateFiles("*.log*").Select(file => file.Name).Should().BeEquivalentTo("4.log", "5.log");
    }

    [Test]
    public async Task Pods_of_other_nodes_and_schedulers_are_left_alone()
    {
        _node.Start("true", spec: """ "nodeName":"elsewhere",""", name: "bound");
        _node.Start("true", spec: """ "schedulerName":"mine",""", name: "mine");
        _node.Start("sleep 60", name: "p");

        await Eventually.HoldsAsync(() => _node.Condition("Ready").Should().Be("True"), Limit);
        _node.Pod("bound").Status.Should().BeNull();
        _node.Pod("mine").Status.Should().BeNull();
    }

    [Test]
    public async Task A_program_that_cannot_be_started_says_so()
    {
        _node.Start("true", image: "sleep", container: """ "workingDir":"/tmp",""", spec: """ "restartPolicy":"Never",""");
        await Eventually.HoldsAsync(() => _node.Pod().Status!.Phase.Should().Be("Failed"), Limit);
        _node.Container().State!.Terminated!.ExitCode.Should().Be(1, "sleep refuses -c");
    }

    [Test]
    public async Task Pods_found_at_start_are_started_afresh()
    {
        _node.Start("echo up; trap 'exit 0' TERM; while :; do sleep 0.05; done");
        await Eventually.HoldsAsync(() => _node.Log().Should().Contain(" up"), Limit);
        var first = _node.Container().ContainerID;
        await _node.StopAsync();

        await using var again = new NodeFixture(_node.Cluster);

        await Eventually.HoldsAsync(() => _node.Container().State!.Running.Should().NotBeNull(), Limit);
        _node.Container().RestartCount.Should().Be(1);
        _node.Container().ContainerID.Should().NotBe(first);
        _node.Pod().Status!.PodIP.Should().StartWith(again.Subnet.Prefix + ".");
    }

    [Test]
    public async Task A_stop_of_the_node_ends_every_process_within_its_grace()
    {
        _node.Start("trap '' TERM; echo $$$$; sleep 1000 & while :; do sleep 1; done", spec: """ "terminationGracePeriodSeconds":300,""");
        await Eventually.HoldsAsync(() => _node.Log().Should().EndWith("\n"), Limit);
        var id = int.Parse(_node.Log().Split(' ')[1].Trim());

        await _node.StopAsync().WaitAsync(Limit);

        Directory.Exists($"/proc/{id}").Should().BeFalse();
        _node.Cluster.Find(Resources.Pods, "default", "p").Should().NotBeNull("only the processes end with the node");
    }
}

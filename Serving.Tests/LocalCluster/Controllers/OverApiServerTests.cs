using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Controllers;

/// <summary>The cluster's controllers together, over the real API.</summary>
public sealed class OverApiServerTests
{
    private RunningControllers _cluster = null!;

    [OneTimeSetUp]
    public async Task Start() => _cluster = await RunningControllers.StartAsync();

    [OneTimeTearDown]
    public async Task Stop() => await _cluster.DisposeAsync();

    [Test]
    public async Task A_namespace_gets_its_defaults_and_goes_with_everything_in_it()
    {
        await _cluster.DefineKindsAsync();
        await _cluster.ApplyAsync("{apiVersion: v1, kind: Namespace, metadata: {name: going}}");
        await Eventually.HoldsAsync(async () =>
        {
            (await _cluster.FindAsync(Resources.ServiceAccounts, "default", "going")).Should().NotBeNull();
            (await _cluster.FindAsync(Resources.ConfigMaps, "kube-root-ca.crt", "going"))!
                .Data["ca.crt"]
                .Should()
                .StartWith("-----BEGIN CERTIFICATE-----");
        });
        await _cluster.ApplyAsync(Workload("going"));
        await _cluster.ApplyAsync(
            """
            apiVersion: serving.knative.dev/v1
            kind: Route
            metadata: {name: r, namespace: going}
            spec: {}
            """
        );
        await Eventually.HoldsAsync(async () => (await _cluster.ListAsync(Resources.Pods, "going")).Should().HaveCount(2));

        await _cluster.DeleteAsync(Resources.Namespaces, "going");

        await Eventually.HoldsAsync(
            async () => (await _cluster.FindAsync(Resources.Namespaces, "going")).Should().BeNull(),
            TimeSpan.FromSeconds(30)
        );
        (await _cluster.ListAsync(Resources.Pods, "going")).Should().BeEmpty();
        (await _cluster.ListAsync(Resources.ReplicaSets, "going")).Should().BeEmpty();
        (await _cluster.ListAsync(Resources.Routes, "going")).Should().BeEmpty();
        (await _cluster.ListAsync(Resources.ConfigMaps, "going")).Should().BeEmpty();
    }

    [Test]
    public async Task A_namespace_waits_for_finalizers_in_it()
    {
        await _cluster.ApplyAsync("{apiVersion: v1, kind: Namespace, metadata: {name: held}}");
        await _cluster.ApplyAsync(
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: m, namespace: held, finalizers: [example.com/hold]}}"
        );

        await _cluster.DeleteAsync(Resources.Namespaces, "held");

        await Eventually.HoldsAsync(async () =>
            (await _cluster.FindAsync(Resources.ConfigMaps, "m", "held"))!.Metadata.DeletionTimestamp.Should().NotBeNull()
        );
        (await _cluster.FindAsync(Resources.Namespaces, "held"))!.Status!.Phase.Should().Be("Terminating");
        await _cluster.Client.PatchAsync(
            Resources.ConfigMaps,
            "held",
            "m",
            new Patch(PatchType.Merge, """{"metadata":{"finalizers":null}}"""),
            CancellationToken.None
        );
        await Eventually.HoldsAsync(
            async () => (await _cluster.FindAsync(Resources.Namespaces, "held")).Should().BeNull(),
            TimeSpan.FromSeconds(30)
        );
    }

    [Test]
    public async Task A_Deployment_becomes_pods_and_endpoints_and_goes_again()
    {
        await _cluster.ApplyAsync(Workload("default"));
        await Eventually.HoldsAsync(async () => (await _cluster.ListAsync(Resources.Pods)).Should().HaveCount(2));

        await AnswerAsync("127.0.9.");
        await Eventually.HoldsAsync(async () =>
        {
            var deployment = await _cluster.FindAsync(Resources.Deployments, "d");
            deployment!.Status!.AvailableReplicas.Should().Be(2);
            deployment
                .Status.Conditions.Should()
                .Contain(condition => condition.Type == "Progressing" && condition.Reason == "NewReplicaSetAvailable");
            deployment.Metadata.Annotations["deployment.kubernetes.io/revision"].Should().Be("1");
            var slice = (await _cluster.ListAsync(Resources.EndpointSlices))
                .Where(slice => slice.Metadata.Labels.GetValueOrDefault("kubernetes.io/service-name") == "s")
                .Should()
                .ContainSingle()
                .Subject;
            slice.Endpoints.Select(endpoint => endpoint.Conditions!.Ready).Should().Equal(true, true);
            slice.Ports.Should().ContainSingle().Which.Port.Should().Be(8012);
            (await _cluster.FindAsync(Resources.Endpoints, "s"))!.Subsets.Should().ContainSingle().Which.Addresses.Should().HaveCount(2);
        });

        await _cluster.DeleteAsync(Resources.Deployments, "d");
        await _cluster.DeleteAsync(Resources.Services, "s");

        await Eventually.HoldsAsync(async () =>
        {
            (await _cluster.ListAsync(Resources.ReplicaSets)).Should().BeEmpty();
            (await _cluster.ListAsync(Resources.Pods)).Should().BeEmpty();
            (await _cluster.FindAsync(Resources.Endpoints, "s")).Should().BeNull();
            (await _cluster.ListAsync(Resources.EndpointSlices)).Should().NotContain(slice => slice.Metadata.Name.StartsWith("s-"));
        });
    }

    [Test]
    public async Task A_ReplicaSet_left_behind_is_taken_in_by_the_next_Deployment_of_that_name()
    {
        await _cluster.ApplyAsync("{apiVersion: v1, kind: Namespace, metadata: {name: left}}");
        await _cluster.ApplyAsync(Workload("left"));
        await Eventually.HoldsAsync(async () => (await _cluster.ListAsync(Resources.Pods, "left")).Should().HaveCount(2));
        var set = (await _cluster.ListAsync(Resources.ReplicaSets, "left")).Single();
        await _cluster.DeleteAsync(Resources.Deployments, "d", "Orphan", "left");
        await Eventually.HoldsAsync(async () => (await _cluster.FindAsync(Resources.Deployments, "d", "left")).Should().BeNull());

        await _cluster.ApplyAsync(Workload("left"));

        await Eventually.HoldsAsync(async () =>
        {
            var deployment = await _cluster.FindAsync(Resources.Deployments, "d", "left");
            var taken = (await _cluster.ListAsync(Resources.ReplicaSets, "left")).Should().ContainSingle().Subject;
            taken.Metadata.Uid.Should().Be(set.Metadata.Uid);
            taken.Metadata.OwnerReferences.Should().ContainSingle().Which.Uid.Should().Be(deployment!.Metadata.Uid);
            deployment.Status!.Replicas.Should().Be(2);
        });
    }

    [Test]
    public async Task What_kubectl_applied_before_and_no_longer_applies_goes()
    {
        Kubectl.Assume();
        const string manifest = """
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: applied, namespace: kubectl, annotations: {note: x}}
            spec:
              replicas: 1
              selector: {matchLabels: {app: applied}}
              template:
                metadata: {labels: {app: applied}}
                spec: {containers: [{name: c, image: i, env: [{name: A, value: a}]}]}
            """;
        await _cluster.ApplyAsync("{apiVersion: v1, kind: Namespace, metadata: {name: kubectl}}");
        (await Kubectl.RunAsync(_cluster.KubeconfigPath, "apply -f -", manifest)).Should().Contain("created");
        await Eventually.HoldsAsync(async () =>
            (await _cluster.FindAsync(Resources.Deployments, "applied", "kubectl"))!
                .Metadata.Annotations.Should()
                .ContainKey("deployment.kubernetes.io/revision")
        );

        var again = manifest
            .Replace(", annotations: {note: x}", "", StringComparison.Ordinal)
            .Replace(", env: [{name: A, value: a}]", "", StringComparison.Ordinal);
        (await Kubectl.RunAsync(_cluster.KubeconfigPath, "apply -f -", again)).Should().Contain("configured").And.NotContain("Warning");

        var deployment = (await _cluster.FindAsync(Resources.Deployments, "applied", "kubectl"))!;
        deployment.Metadata.Annotations.Should().NotContainKey("note").And.ContainKey("kubectl.kubernetes.io/last-applied-configuration");
        deployment.Spec!.Template!.Spec!.Containers[0].Env.Should().BeEmpty();
    }

    private static string Workload(string ns) =>
        $$$"""
            apiVersion: apps/v1
            kind: Deployment
            metadata: {name: d, namespace: {{{ns}}} }
            spec:
              replicas: 2
              selector: {matchLabels: {app: d}}
              template:
                metadata: {labels: {app: d}}
                spec: {containers: [{name: c, image: i, ports: [{name: http, containerPort: 8012}]}]}
            ---
            apiVersion: v1
            kind: Service
            metadata: {name: s, namespace: {{{ns}}} }
            spec: {selector: {app: d}, ports: [{name: http, port: 80, targetPort: http}]}
            """;

    /// <summary>Sets every pod ready, as a node would.</summary>
    private async Task AnswerAsync(string prefix)
    {
        var number = 10;
        foreach (var pod in await _cluster.ListAsync(Resources.Pods))
        {
            var status = new PodStatus
            {
                Phase = "Running",
                PodIP = $"{prefix}{number++}",
                Conditions = [new Condition { Type = "Ready", Status = "True" }],
            };
            await _cluster.Client.UpdateStatusAsync(Resources.Pods, pod with { Status = status }, CancellationToken.None);
        }
    }
}

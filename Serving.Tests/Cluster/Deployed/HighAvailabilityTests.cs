using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Tests.Cluster.Failover;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Deployed;

/// <summary>
/// The installed Deployment under load while its pods are killed and replaced by those of another version, on any cluster with at least two
/// replicas: requests through the gateway's Service continue, and the pods of revisions are unchanged.
/// </summary>
[Category("Slow")]
[Parallelizable]
public sealed class HighAvailabilityTests
{
    private const string Deployment = "serving";
    private const string UpgradeVariable = "SERVING_TEST_UPGRADE_IMAGE";
    private const int RequestsPerSecond = 50;
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(180);

    /// <summary>The time until a deleted pod is removed from Endpoints.</summary>
    private static readonly TimeSpan Noticed = TimeSpan.FromSeconds(15);

    private TestCluster _cluster = null!;
    private SteadyTraffic _traffic = null!;
    private string _ns = null!;
    private string _domain = null!;
    private int _services;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _cluster = await TestCluster.OpenDeployedAsync();
        _domain = await _cluster.DomainAsync();
        await AvailableAsync();
        _ns = await _cluster.CreateNamespaceAsync();
        await DeployAsync("steady", "1");
        await _cluster.WaitForReadyAsync(_ns, "steady");
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [SetUp]
    public async Task BeginAsync()
    {
        _traffic = new SteadyTraffic([_cluster.Gateway.BaseAddress!], $"steady.{_ns}.{_domain}", RequestsPerSecond);
        await Eventually.HoldsAsync(() => _traffic.Answered.Should().BeGreaterThan(RequestsPerSecond), Limit);
    }

    [TearDown]
    public async Task EndAsync() => await _traffic.DisposeAsync();

    [Test]
    public async Task A_replica_that_is_forced_out_takes_no_more_than_its_own_connections_with_it()
    {
        var revisionPods = await RevisionPodsAsync();
        var leader = await LeaderAsync();
        var failover = await LeaseDurationAsync() + TimeSpan.FromSeconds(30);
        var forced = DateTime.UtcNow;

        await _cluster.Client.DeleteAsync(
            Resources.Pods,
            TestCluster.SystemNamespace,
            leader,
            CancellationToken.None,
            new DeleteOptions { GracePeriodSeconds = 0 }
        );

        await Eventually.HoldsAsync(async () => (await LeaderAsync()).Should().NotBe(leader), failover);
        TestContext.Out.WriteLine(
            $"high availability: another leader {(DateTime.UtcNow - forced).TotalSeconds:0.0} s after {leader} was forced out"
        );
        await NewServiceAnswersAsync();
        await AvailableAsync();
        await _traffic.DisposeAsync();
        TestContext.Out.WriteLine(
            $"high availability: forced out: {_traffic.Answered} requests answered, {_traffic.Broken.Count} connections broken"
        );
        _traffic.Failures.Should().HaveCount(_traffic.Broken.Count, $"whoever lives answers well: {string.Join("; ", _traffic.Failures)}");
        _traffic
            .Broken.Where(moment => moment <= forced || moment >= forced + Noticed)
            .Should()
            .BeEmpty(
                $"connections break when their replica goes, at {forced:HH:mm:ss.fff}, and no others: {string.Join("; ", _traffic.Failures)}"
            );
        (await RevisionPodsAsync()).Should().Equal(revisionPods);
    }

    [Test]
    public async Task Another_version_takes_over_pod_by_pod_and_no_request_fails()
    {
        var revisionPods = await RevisionPodsAsync();
        var before = await ControlPlanePodsAsync();

        // Without another image, the same one is rolled out again: every pod is replaced too.
        var image = _cluster.UpgradeImage ?? Environment.GetEnvironmentVariable(UpgradeVariable);
        var spec = image is null ? "" : $$""", "spec": {"containers": [{"name": "serving", "image": "{{image}}"}]}""";
        await _cluster.Client.PatchAsync(
            Resources.Deployments,
            TestCluster.SystemNamespace,
            Deployment,
            new Patch(
                PatchType.StrategicMerge,
                $$"""{"spec": {"template": {"metadata": {"annotations": {"serving-tests/rolled": "{{Guid.NewGuid()}}"} }{{spec}} } } }"""
            ),
            CancellationToken.None
        );

        await Eventually.HoldsAsync(
            async () =>
            {
                var now = await ControlPlanePodsAsync();
                now.Should().IntersectWith(before);
                now.Except(before).Should().NotBeEmpty("both versions work side by side");
            },
            Limit
        );
        await NewServiceAnswersAsync();
        await Eventually.HoldsAsync(async () => (await ControlPlanePodsAsync()).Should().NotIntersectWith(before), Limit);
        await AvailableAsync();
        await NewServiceAnswersAsync();
        await _traffic.DisposeAsync();
        TestContext.Out.WriteLine(
            $"high availability: rolled to {image ?? "the same image"}: {_traffic.Answered} requests answered, {_traffic.Failures.Count} failed"
        );
        _traffic.Failures.Should().BeEmpty();
        (await RevisionPodsAsync()).Should().Equal(revisionPods, "an upgrade of the control plane rolls no revision");
    }

    [Test]
    public async Task The_accounts_of_the_install_have_every_right_that_the_control_plane_uses()
    {
        Kubectl.Require();
        await NewServiceAnswersAsync();
        foreach (var pod in await ControlPlanePodsAsync())
        {
            var (code, log) = await Kubectl.RunAsync(
                "kubectl",
                ["logs", "-n", TestCluster.SystemNamespace, pod, "--tail=-1"],
                _cluster.Kubeconfig
            );
            code.Should().Be(0, log);
            log.Should().NotBeEmpty();
            RefusedRights.In(log).Should().BeEmpty();
        }
    }

    private async Task NewServiceAnswersAsync()
    {
        var name = $"new-{++_services}";
        await DeployAsync(name, "0");
        await _cluster.WaitForReadyAsync(_ns, name);
        (await _cluster.GetAsync($"{name}.{_ns}.{_domain}")).Should().Be((HttpStatusCode.OK, $"Hello {name}!\n"));
    }

    /// <summary>Retries errors that occur right after a webhook's pod is gone, as a user would.</summary>
    private Task DeployAsync(string name, string minScale) =>
        Eventually.HoldsAsync(
            () =>
                _cluster.ApplyAsync(
                    $$"""
                    apiVersion: serving.knative.dev/v1
                    kind: Service
                    metadata: {name: {{name}}, namespace: {{_ns}}}
                    spec:
                      template:
                        metadata: {annotations: {autoscaling.knative.dev/min-scale: "{{minScale}}", autoscaling.knative.dev/max-scale: "1"} }
                        spec: {containers: [{image: "{{_cluster.HelloImage}}", env: [{name: TARGET, value: {{name}}}]}] }
                    """
                ),
            TimeSpan.FromSeconds(40)
        );

    private Task AvailableAsync() =>
        Eventually.HoldsAsync(
            async () =>
            {
                var current = await _cluster.Client.GetAsync(
                    Resources.Deployments,
                    TestCluster.SystemNamespace,
                    Deployment,
                    CancellationToken.None
                );
                current
                    .Status!.ReadyReplicas.Should()
                    .Be(current.Spec!.Replicas ?? 1)
                    .And.BeGreaterThanOrEqualTo(2, "one replica alone is not highly available");
                current.Status.UpdatedReplicas.Should().Be(current.Spec.Replicas ?? 1);
            },
            Limit
        );

    private async Task<string> LeaderAsync()
    {
        var leases = await _cluster.Client.ListAsync(Resources.Leases, TestCluster.SystemNamespace, null, CancellationToken.None);
        var holder = leases.Items.Single(lease => lease.Metadata.Name == "controller.00-of-01").Spec?.HolderIdentity ?? "";
        holder.Should().Contain("_", "somebody leads the controller");
        return holder[..holder.LastIndexOf('_')];
    }

    private async Task<TimeSpan> LeaseDurationAsync()
    {
        var lease = await _cluster.Client.GetAsync(
            Resources.Leases,
            TestCluster.SystemNamespace,
            "controller.00-of-01",
            CancellationToken.None
        );
        return TimeSpan.FromSeconds(lease.Spec!.LeaseDurationSeconds!.Value);
    }

    private async Task<IReadOnlyList<string>> ControlPlanePodsAsync() =>
        [
            .. (
                await _cluster.Client.ListAsync(
                    Resources.Pods,
                    TestCluster.SystemNamespace,
                    new ListOptions("app=serving,app.kubernetes.io/component=serving"),
                    CancellationToken.None
                )
            )
                .Items.Select(pod => pod.Metadata.Name)
                .Order(StringComparer.Ordinal),
        ];

    private async Task<IReadOnlyList<string>> RevisionPodsAsync() =>
        [
            .. (
                await _cluster.Client.ListAsync(
                    Resources.Pods,
                    _ns,
                    new ListOptions("serving.knative.dev/service=steady"),
                    CancellationToken.None
                )
            ).Items.Select(pod => pod.Metadata.Uid),
        ];
}

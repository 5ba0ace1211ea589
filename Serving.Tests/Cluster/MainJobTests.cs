using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>
/// The main use cases over real HTTP: apply a Service, send requests, scale 0 → 1 → n → 0, roll out, split, reject, delete.
/// Each test has its own namespace on one cluster.
/// </summary>
[Category("Slow")]
public sealed class MainJobTests
{
    private static readonly TimeSpan ScaleLimit = TimeSpan.FromSeconds(90);

    private TestCluster _cluster = null!;
    private string _domain = null!;
    private string _ns = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _cluster = await TestCluster.OpenAsync();
        _domain = await _cluster.DomainAsync();

        // The minimum that Knative allows, so that scaling to zero takes seconds.
        await _cluster.ConfigureAsync("config-autoscaler", ("scale-to-zero-grace-period", "6s"), ("stable-window", "6s"));
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
    public async Task CreateNamespaceAsync() => _ns = await _cluster.CreateNamespaceAsync();

    [Test]
    public async Task A_service_scales_from_zero_to_many_and_back()
    {
        await ApplyAsync("hello", _cluster.HelloImage, "one");
        var service = await _cluster.WaitForReadyAsync(_ns, "hello");
        service.Status.Url.Should().Be($"http://hello.{_ns}.{_domain}");
        (await CallAsync("hello")).Should().Be((HttpStatusCode.OK, "Hello one!\n"));

        await Eventually.HoldsAsync(async () => (await PodsAsync("hello")).Should().BeEmpty(), ScaleLimit);
        (await CallAsync("hello"))
            .Should()
            .Be((HttpStatusCode.OK, "Hello one!\n"), "a request to a Service at zero is held until a pod answers");
        (await PodsAsync("hello")).Should().NotBeEmpty();
    }

    [Test]
    public async Task Concurrent_requests_bring_more_pods_and_none_of_them_fails()
    {
        await ApplyAsync("busy", _cluster.SleepImage, "", "autoscaling.knative.dev/target: \"2\"");
        await _cluster.WaitForReadyAsync(_ns, "busy");
        using var load = new CancellationTokenSource();
        var clients = Enumerable.Range(0, 10).Select(_ => LoadAsync("busy", "/?sleep=200", load.Token)).ToList();

        await Eventually.HoldsAsync(
            async () => (await PodsAsync("busy")).Count(PodState.IsReady).Should().BeGreaterThanOrEqualTo(3),
            ScaleLimit
        );
        await load.CancelAsync();

        (await Task.WhenAll(clients)).SelectMany(failures => failures).Should().BeEmpty();
    }

    [Test]
    public async Task Traffic_splits_between_revisions_and_a_tag_has_an_address_of_its_own()
    {
        await ApplyAsync("split", _cluster.HelloImage, "one");
        await _cluster.WaitForReadyAsync(_ns, "split");
        await ApplyAsync(
            "split",
            _cluster.HelloImage,
            "two",
            traffic: "traffic: [{latestRevision: true, percent: 50}, {revisionName: split-00001, percent: 50, tag: old}]"
        );
        await Eventually.HoldsAsync(
            async () =>
            {
                var status = (await _cluster.Client.GetAsync(Resources.KnativeServices, _ns, "split", CancellationToken.None)).Status;
                status.LatestReadyRevisionName.Should().Be("split-00002");
                status.Conditions.Should().Contain(condition => condition.Type == "Ready" && condition.Status == "True");
            },
            ScaleLimit
        );

        var answers = new List<string>();
        for (var i = 0; i < 100; i++)
        {
            answers.Add((await CallAsync("split")).Body);
        }

        // The probability that a 50/50 split of 100 is outside 25..75 is below one in a million.
        answers.Should().OnlyContain(answer => answer == "Hello one!\n" || answer == "Hello two!\n");
        answers.Count(answer => answer == "Hello one!\n").Should().BeInRange(25, 75);
        (await CallAsync("old-split")).Body.Should().Be("Hello one!\n");
    }

    [Test]
    public async Task An_invalid_service_is_refused_and_nothing_of_it_is_kept()
    {
        var apply = () =>
            _cluster.ApplyAsync(
                $$"""
                apiVersion: serving.knative.dev/v1
                kind: Service
                metadata: {name: invalid, namespace: {{_ns}}}
                spec: {template: {spec: {containerConcurrency: -1, containers: [{image: "{{_cluster.HelloImage}}"}] } } }
                """
            );

        (await apply.Should().ThrowAsync<KubernetesConfigurationException>())
            .Which.Message.Should()
            .Contain("admission webhook \"validation.webhook.serving.knative.dev\" denied the request")
            .And.Contain("expected 0 <= -1 <= 1000: spec.template.spec.containerConcurrency");
        (await _cluster.Client.ListAsync(Resources.KnativeServices, _ns, null, CancellationToken.None)).Items.Should().BeEmpty();
    }

    [Test]
    public async Task Log_levels_follow_their_ConfigMap_at_once()
    {
        TestCluster.NeedsLocalCluster("the log is read from its file");
        var log = Path.Combine(((LocalClusterHarness)_cluster).DataDirectory, "serving.log");
        string[] parts = ["webhook", "controller", "autoscaler"];
        DebugLines(log).Should().BeEmpty();

        await _cluster.ConfigureAsync("config-logging", [.. parts.Select(part => ($"loglevel.{part}", "debug"))]);
        await ApplyAsync("spoken", _cluster.HelloImage, "one");

        await Eventually.HoldsAsync(
            () =>
                parts
                    .Should()
                    .OnlyContain(part => DebugLines(log).Any(line => line.Contains($" DEBUG {part}: ", StringComparison.Ordinal))),
            ScaleLimit
        );
        await _cluster.ConfigureAsync("config-logging", [.. parts.Select(part => ($"loglevel.{part}", "info"))]);
    }

    [Test]
    public async Task Kubectl_shows_the_defaults_and_the_warnings_of_a_dry_run()
    {
        Kubectl.Require();
        var file = Path.Combine(Directory.CreateTempSubdirectory("serving-test-").FullName, "tried.yaml");
        await File.WriteAllTextAsync(
            file,
            $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: tried, namespace: {{_ns}}}
            spec:
              template:
                metadata: {annotations: {queue.sidecar.serving.knative.dev/resource-percentage: "10"} }
                spec: {containers: [{image: "{{_cluster.HelloImage}}", livenessProbe: {grpc: {port: 8080} } }] }
            """
        );

        var (code, output) = await Kubectl.RunAsync(
            "kubectl",
            ["apply", "--dry-run=server", "-o", "yaml", "-f", file],
            _cluster.Kubeconfig
        );
        Directory.Delete(Path.GetDirectoryName(file)!, recursive: true);

        code.Should().Be(0, output);
        output
            .Should()
            .Contain("name: user-container")
            .And.Contain("service: \"\"")
            .And.Contain("timeoutSeconds: 300")
            .And.Contain("latestRevision: true")
            .And.Contain("Warning: Queue proxy resource percentage annotation is deprecated.")
            .And.Contain(
                "Warning: Kubernetes default value is insecure, Knative may default this to secure in a future release: spec.template.spec.containers[0]."
            );
        (await _cluster.Client.ListAsync(Resources.KnativeServices, _ns, null, CancellationToken.None)).Items.Should().BeEmpty();
    }

    [Test]
    public async Task Deleting_a_service_deletes_what_it_made_and_its_address()
    {
        await ApplyAsync("gone", _cluster.HelloImage, "one");
        await _cluster.WaitForReadyAsync(_ns, "gone");

        await _cluster.Client.DeleteAsync(Resources.KnativeServices, _ns, "gone", CancellationToken.None);

        await Eventually.HoldsAsync(
            async () =>
            {
                (await ListAsync(Resources.Configurations)).Should().BeEmpty();
                (await ListAsync(Resources.Routes)).Should().BeEmpty();
                (await ListAsync(Resources.Revisions)).Should().BeEmpty();
                (await ListAsync(Resources.Deployments)).Should().BeEmpty();
                (await ListAsync(Resources.PodAutoscalers)).Should().BeEmpty();
                (await ListAsync(Resources.ServerlessServices)).Should().BeEmpty();
                (await ListAsync(Resources.Ingresses)).Should().BeEmpty();
                (await ListAsync(Resources.Services)).Should().BeEmpty();
                (await ListAsync(Resources.Pods)).Should().BeEmpty();
            },
            ScaleLimit
        );
        (await CallAsync("gone")).Status.Should().Be(HttpStatusCode.NotFound);
    }

    private Task ApplyAsync(
        string name,
        string image,
        string target,
        string annotation = "autoscaling.knative.dev/target: \"10\"",
        string traffic = ""
    ) =>
        _cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{_ns}}}
            spec:
              template:
                metadata: {annotations: { {{annotation}} } }
                spec: {containers: [{image: "{{image}}", env: [{name: TARGET, value: "{{target}}"}]}] }
              {{traffic}}
            """
        );

    private Task<(HttpStatusCode Status, string Body)> CallAsync(string name, string path = "/") =>
        _cluster.GetAsync($"{name}.{_ns}.{_domain}", path);

    private async Task<IReadOnlyList<T>> ListAsync<T>(ResourceType<T> type)
        where T : class, IKubernetesObject => (await _cluster.Client.ListAsync(type, _ns, null, CancellationToken.None)).Items;

    private async Task<List<Pod>> PodsAsync(string service) =>
        [
            .. (
                await _cluster.Client.ListAsync(
                    Resources.Pods,
                    _ns,
                    new ListOptions($"serving.knative.dev/service={service}"),
                    CancellationToken.None
                )
            ).Items.Where(pod => pod.Metadata.DeletionTimestamp is null),
        ];

    /// <summary>Sends sequential requests until cancelled; returns the failed responses.</summary>
    private async Task<List<string>> LoadAsync(string name, string path, CancellationToken end)
    {
        var failures = new List<string>();
        while (!end.IsCancellationRequested)
        {
            var (status, body) = await CallAsync(name, path);
            if (status != HttpStatusCode.OK)
            {
                failures.Add($"{status} {body}");
            }
        }

        return failures;
    }

    private static List<string> DebugLines(string log)
    {
        using var reader = new StreamReader(new FileStream(log, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
        return [.. reader.ReadToEnd().Split('\n').Where(line => line.Contains(" DEBUG ", StringComparison.Ordinal))];
    }
}

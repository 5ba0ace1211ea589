using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Single requests from an external client to a program.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class RequestTests : EndToEndTests
{
    [Test]
    public async Task A_Service_serves_at_its_address_and_its_Revision_says_whose_it_is()
    {
        var service = await StartAsync(new("hello") { Environment = [("TEXT", "Hello World!")] });

        service.Status.Url.Should().Be($"http://{HostOf("hello")}");
        (await CallAsync("hello")).Should().Be((HttpStatusCode.OK, "Hello World!"));
        (await GetAsync(Resources.Revisions, "hello-00001"))
            .Metadata.Labels.Should()
            .Contain(ServingKeys.Configuration, "hello")
            .And.Contain(ServingKeys.Service, "hello");
    }

    [Test]
    public async Task The_sidecar_gets_its_share_of_the_resources_of_the_program()
    {
        await StartAsync(
            new("share")
            {
                RevisionAnnotations = "queue.sidecar.serving.knative.dev/resource-percentage: \"0.2\"",
                Container = "resources: {requests: {cpu: 50m, memory: 128Mi}, limits: {cpu: 100m, memory: 258Mi} }",
            }
        );
        (await CallAsync("share")).Status.Should().Be(HttpStatusCode.OK);

        var revision = await GetAsync(Resources.Revisions, "share-00001");
        revision.Metadata.Labels.Should().Contain(ServingKeys.Configuration, "share").And.Contain(ServingKeys.Service, "share");
        var resources = (await PodsAsync("share-00001"))
            .Single()
            .Spec!.Containers.Single(container => container.Name == "queue-proxy")
            .Resources!;

        // 20 percent of the program's resources, but at least the sidecar's minimum.
        string.Join(
                " ",
                (
                    (IReadOnlyList<Quantity>)
                        [resources.Requests!["cpu"], resources.Requests["memory"], resources.Limits!["cpu"], resources.Limits["memory"]]
                ).Select(quantity => quantity.ToString())
            )
            .Should()
            .Be("25m 50Mi 40m 200Mi");
    }

    [Test]
    public async Task A_program_that_speaks_HTTP_2_only_is_served_by_the_name_of_its_port()
    {
        var manifest = new ServiceManifest("http2") { Environment = [("HTTP2_ONLY", "true"), ("TEXT", "Hello, HTTP/2!")] };
        await StartAsync(manifest with { Container = "ports: [{name: h2c, containerPort: 8080}]" });
        (await CallAsync("http2")).Should().Be((HttpStatusCode.OK, "Hello, HTTP/2!"));
        Member((await CallAsync("http2", "/request")).Body, "protocol").Should().Be("HTTP/2");

        await UpdateAsync(manifest with { Container = "ports: [{containerPort: 8080}]" });
        (await CallAsync("http2")).Status.Should().Be(HttpStatusCode.UpgradeRequired, "nothing says that the program wants HTTP/2");
    }

    [TestCase("in-time", "timeoutSeconds: 10", "before=500", HttpStatusCode.OK)]
    [TestCase("too-late", "timeoutSeconds: 2", "before=30000", HttpStatusCode.GatewayTimeout)]
    [TestCase("starts-in-time", "timeoutSeconds: 20, responseStartTimeoutSeconds: 10", "before=500", HttpStatusCode.OK)]
    [TestCase("starts-too-late", "timeoutSeconds: 60, responseStartTimeoutSeconds: 2", "before=30000", HttpStatusCode.GatewayTimeout)]
    [TestCase("hardly-idle", "timeoutSeconds: 20, idleTimeoutSeconds: 10", "after=500", HttpStatusCode.OK)]
    [TestCase("idle-too-long", "timeoutSeconds: 60, idleTimeoutSeconds: 2", "before=30000", HttpStatusCode.GatewayTimeout)]
    [TestCase("ends-too-late", "timeoutSeconds: 2", "after=30000", HttpStatusCode.OK)]
    public async Task A_request_has_the_time_that_its_Revision_gives_it(string name, string limits, string wait, HttpStatusCode status)
    {
        await StartAsync(new(name) { Spec = limits });
        (await CallAsync(name)).Status.Should().Be(HttpStatusCode.OK);

        // Read the whole body, so that a closed connection throws.
        var answer = await CallAsync(name, $"/wait?{wait}");

        answer.Status.Should().Be(status);
        if (status == HttpStatusCode.OK)
        {
            answer.Body.Should().EndWith(name == "ends-too-late" ? "request timeout" : "waited\n");
        }
    }

    [Test]
    public async Task The_sidecar_logs_requests_and_probes_where_the_installation_asks_for_it()
    {
        Kubectl.Require();
        await StartAsync(
            new("logged")
            {
                Scaling = [("min-scale", "1"), ("max-scale", "1")],
                Container = "livenessProbe: {httpGet: {path: /health}, periodSeconds: 1}",
            }
        );
        using (var request = new HttpRequestMessage(HttpMethod.Get, "/some/path?and=query") { Headers = { Host = HostOf("logged") } })
        {
            request.Headers.UserAgent.ParseAdd("test-client");
            using var response = await Cluster.Gateway.SendAsync(request);
            response.StatusCode.Should().Be(HttpStatusCode.OK);
        }

        var pod = (await PodsAsync("logged-00001")).Single().Metadata.Name;
        await EventuallyAsync(async () =>
        {
            var (code, log) = await Kubectl.RunAsync("kubectl", ["logs", "-n", Namespace, pod, "-c", "queue-proxy"], Cluster.Kubeconfig);
            code.Should().Be(0, log);
            var lines = log.Split('\n').Where(line => line.StartsWith("{\"httpRequest\"", StringComparison.Ordinal)).ToList();
            lines
                .Should()
                .Contain(line =>
                    Member(line, "httpRequest", "requestUrl") == "/some/path?and=query"
                    && Member(line, "httpRequest", "userAgent") == "test-client"
                );
            lines
                .Should()
                .Contain(
                    line => Member(line, "httpRequest", "userAgent").StartsWith("kube-probe/", StringComparison.Ordinal),
                    "probes are logged too"
                );
        });
    }

    [Test]
    public async Task A_request_under_way_ends_well_though_its_Configuration_is_deleted()
    {
        await Cluster.ApplyAsync(
            new ServiceManifest("inflight") { Spec = "timeoutSeconds: 120" }.ToConfigurationAndRoute(Namespace, Cluster.ProgramImage)
        );
        await EventuallyAsync(async () => (await CallAsync("inflight")).Status.Should().Be(HttpStatusCode.OK));

        using var request = new HttpRequestMessage(HttpMethod.Get, "/wait?after=6000") { Headers = { Host = HostOf("inflight") } };
        using var response = await Cluster.Gateway.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        await Cluster.Client.DeleteAsync(Resources.Configurations, Namespace, "inflight", CancellationToken.None);

        (await response.Content.ReadAsStringAsync()).Should().Be("waited\n");
    }

    [Test]
    public async Task A_pod_that_nobody_asks_for_anything_ends_soon_when_it_is_deleted_however_long_requests_may_take()
    {
        await StartAsync(new("idle") { Spec = "timeoutSeconds: 300" });
        (await CallAsync("idle")).Status.Should().Be(HttpStatusCode.OK);
        var pod = (await PodsAsync("idle-00001")).First().Metadata.Name;

        await Cluster.Client.DeleteAsync(Resources.Pods, Namespace, pod, CancellationToken.None);

        await EventuallyAsync(async () =>
            (await ListAsync(Resources.Pods))
                .Where(left => left.Metadata.Name == pod)
                .SelectMany(left => left.Status!.ContainerStatuses)
                .Should()
                .NotContain(status => status.State!.Running != null)
        );
    }

    [Test]
    public async Task Requests_under_way_end_well_though_their_pod_is_deleted()
    {
        await StartAsync(new("busy") { Spec = "timeoutSeconds: 300", Scaling = [("target", "100")] });
        var pod = (await CallAsync("busy", "/host")).Body;

        // Headers are sent at once: they show that the pod has received the request.
        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => BeginAsync("busy", "/wait?after=6000")));
        await Cluster.Client.DeleteAsync(Resources.Pods, Namespace, pod, CancellationToken.None);

        var bodies = await Task.WhenAll(answers.Select(answer => answer.Content.ReadAsStringAsync()));
        bodies.Should().OnlyContain(body => body == "waited\n");
        answers.Should().OnlyContain(answer => answer.StatusCode == HttpStatusCode.OK);
        foreach (var answer in answers)
        {
            answer.Dispose();
        }
    }

    [Test]
    public async Task A_change_that_Kubernetes_would_refuse_as_a_pod_fails_in_a_dry_run()
    {
        await StartAsync(new("tried"));
        var patch = new Patch(
            PatchType.Json,
            """[{"op": "replace", "path": "/spec/template/spec/containers/0/name", "value": "&InvalidValue"}]"""
        );

        var change = () =>
            Cluster.Client.PatchAsync(
                Resources.KnativeServices,
                Namespace,
                "tried",
                patch,
                CancellationToken.None,
                new WriteOptions(DryRun: true)
            );

        (await change.Should().ThrowAsync<KubernetesException>()).Which.Message.Should().Contain("validation callback failed");
        (await GetAsync(Resources.KnativeServices, "tried")).Spec.Template.Spec.Containers.Single().Name.Should().Be("user-container");
    }

    [Test]
    public async Task Many_Services_made_at_once_are_all_ready_and_stay_so()
    {
        var names = Enumerable.Range(0, 10).Select(number => $"one-of-many-{number}").ToList();
        await Task.WhenAll(names.Select(name => StartAsync(new(name) { Environment = [("TEXT", name)] })));

        for (var round = 0; round < 5; round++)
        {
            foreach (var name in names)
            {
                (await CallAsync(name)).Should().Be((HttpStatusCode.OK, name));
            }
        }
    }

    private Task<HttpResponseMessage> BeginAsync(string name, string path) =>
        Cluster.Gateway.SendAsync(
            new HttpRequestMessage(HttpMethod.Get, path) { Headers = { Host = HostOf(name) } },
            HttpCompletionOption.ResponseHeadersRead
        );
}

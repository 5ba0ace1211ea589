using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Tests.Observability.Otlp;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster;

/// <summary>Traces of real processes, received by a collector: host and sidecar send to it, each by itself.</summary>
[Category("Slow")]
[Parallelizable]
public sealed class TracingTests() : LocalClusterFixture("this starts the only Service of the cluster")
{
    private const string Manifest = """
        apiVersion: serving.knative.dev/v1
        kind: Service
        metadata: {name: cold, namespace: default}
        spec:
          template:
            metadata: {annotations: {autoscaling.knative.dev/initial-scale: "0", autoscaling.knative.dev/target-burst-capacity: "0"}}
            spec: {containerConcurrency: 5, containers: [{image: IMAGE}]}
        """;

    private static readonly Dictionary<string, string> Quickly = new() { ["OTEL_BSP_SCHEDULE_DELAY"] = "200" };

    [TestCase("http/protobuf")]
    [TestCase("grpc")]
    public async Task A_cold_request_is_one_trace_with_every_phase_and_reconciles_are_traces_of_their_own(string protocol)
    {
        await using var collector = await OtlpReceiver.StartAsync();
        await using var cluster = await LocalClusterHarness.StartWithAsync(Quickly, Data);
        await cluster.ConfigureAsync("config-autoscaler", ("allow-zero-initial-scale", "true"));
        await cluster.ConfigureAsync(
            "config-observability",
            ("tracing-protocol", protocol),
            ("tracing-endpoint", collector.Endpoint(protocol, "traces")),
            ("tracing-sampling-rate", "1")
        );

        // A request that no route leads to shows whether the setting is in effect.
        await Eventually.HoldsAsync(
            async () =>
            {
                (await cluster.GetAsync("nowhere.test")).Status.Should().Be(HttpStatusCode.NotFound);
                collector.Spans.Should().Contain(static span => span.Name == "gateway");
            },
            TimeSpan.FromSeconds(30)
        );
        await cluster.ApplyAsync(Manifest.Replace("IMAGE", cluster.HelloImage, StringComparison.Ordinal));
        await cluster.WaitForReadyAsync("default", "cold");
        (await cluster.Client.ListAsync(Resources.Pods, "default", null, CancellationToken.None)).Items.Should().BeEmpty();

        var host = $"cold.default.{await cluster.DomainAsync()}";
        var (status, body) = await cluster.GetAsync(host);
        status.Should().Be(HttpStatusCode.OK, body);

        var trace = await TraceAsync(
            collector,
            host,
            "gateway",
            "handle",
            "throttler_try",
            "activator_proxy",
            "queue",
            "kn.queueproxy.proxy",
            "kn.queueproxy.wait",
            "HTTP GET",
            "kn.coldstart.decide",
            "kn.coldstart.scale_write",
            "kn.coldstart.schedule",
            "kn.coldstart.image_pull",
            "kn.coldstart.container_start",
            "kn.coldstart.ready",
            "kn.coldstart.first_byte"
        );
        Connected(trace);
        trace["gateway"].Service.Should().Be("serving");
        trace["gateway"].ParentId.Should().BeEmpty();
        trace["queue"].Service.Should().Be("cold");
        trace["gateway"].Duration.Should().BeGreaterThan(trace["handle"].Duration);
        trace["throttler_try"].Duration.Should().BeGreaterThan(trace["queue"].Duration, "the request waited for the pod");
        var phases = trace.Values.Where(static span => span.Name.StartsWith("kn.coldstart.", StringComparison.Ordinal)).ToList();
        phases.Should().OnlyContain(span => span.ParentId == trace["handle"].Id);
        phases.Sum(static span => span.Duration.TotalSeconds).Should().BeApproximately(trace["handle"].Duration.TotalSeconds, 1);
        trace["handle"]
            .Attributes.Should()
            .Contain("kn.revision.name", "cold-00001")
            .And.Contain("kn.service.name", "cold")
            .And.Contain("k8s.namespace.name", "default");

        await Eventually.HoldsAsync(() => ReconcileWrites(collector), TimeSpan.FromSeconds(30));
        await WarmAsync(cluster, collector, host);
    }

    /// <summary>A reconcile is a root with the writes that it made below it.</summary>
    private static void ReconcileWrites(OtlpReceiver collector)
    {
        var spans = collector.Spans.ToList();
        var write = spans
            .Should()
            .Contain(static span =>
                span.Name == "create deployments.apps" && span.Attributes["k8s.request.object"] == "default/cold-00001-deployment"
            )
            .Which;
        write.Attributes["k8s.response.resource_version"].Should().MatchRegex("^[0-9]+$");
        write.Span.Kind.Should().Be(ReceivedSpan.Client);
        var reconcile = spans.Should().ContainSingle(span => span.Id == write.ParentId).Which;
        reconcile.ParentId.Should().BeEmpty();
        reconcile.Name.Should().StartWith("reconcile ");
        reconcile.Attributes.Should().Contain("kn.reconcile.key", "default/cold-00001").And.ContainKey("kn.reconcile.result");
    }

    /// <summary>Once the pods have capacity, requests do not pass the activator: the sidecar's spans are below the gateway's.</summary>
    private static async Task WarmAsync(LocalClusterHarness cluster, OtlpReceiver collector, string host)
    {
        await Eventually.HoldsAsync(
            async () =>
            {
                (await cluster.GetAsync(host)).Status.Should().Be(HttpStatusCode.OK);
                collector.Spans.Should().Contain(static span => span.Name == "gateway_proxy");
            },
            TimeSpan.FromSeconds(40)
        );
        var proxy = collector.Spans.First(static span => span.Name == "gateway_proxy");
        IReadOnlyList<ReceivedSpan> trace = [];
        await Eventually.HoldsAsync(
            () =>
            {
                trace = [.. collector.Spans.Where(span => span.TraceId == proxy.TraceId)];
                trace
                    .Select(static span => span.Name)
                    .Should()
                    .BeEquivalentTo("gateway", "gateway_proxy", "queue", "kn.queueproxy.proxy", "kn.queueproxy.wait", "HTTP GET");
            },
            TimeSpan.FromSeconds(30)
        );
        trace.Single(static span => span.Name == "queue").ParentId.Should().Be(proxy.Id);
    }

    private static void Connected(IReadOnlyDictionary<string, ReceivedSpan> trace)
    {
        var ids = trace.Values.Select(static span => span.Id).ToHashSet();
        trace.Values.Where(static span => span.ParentId.Length == 0).Should().ContainSingle();
        trace.Values.Where(static span => span.ParentId.Length > 0).Should().OnlyContain(span => ids.Contains(span.ParentId));
    }

    /// <summary>Waits until the trace of the only request to a host has exactly these spans, and returns them by name.</summary>
    private static async Task<Dictionary<string, ReceivedSpan>> TraceAsync(OtlpReceiver collector, string host, params string[] names)
    {
        List<ReceivedSpan> trace = [];
        await Eventually.HoldsAsync(
            () =>
            {
                var spans = collector.Spans.ToList();
                var root = spans
                    .Should()
                    .ContainSingle(span => span.Name == "gateway" && span.Attributes.GetValueOrDefault("server.address") == host)
                    .Which;
                trace = spans.FindAll(span => span.TraceId == root.TraceId);
                trace.Select(static span => span.Name).Should().BeEquivalentTo(names);
            },
            TimeSpan.FromSeconds(30)
        );
        foreach (var span in trace.OrderBy(static span => span.Span.StartTimeUnixNano))
            TestContext.Out.WriteLine($"{span.Duration.TotalMilliseconds, 9:0.0} ms  {span}");
        return trace.ToDictionary(static span => span.Name);
    }
}

using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Informers;

public sealed class InformerMetricsTests
{
    private const string Of = "resource=configmaps,k8s.namespace.name=informer-metrics,selector=a=b";

    [Test]
    public async Task A_cache_tells_its_objects_its_lag_and_its_lists_while_it_runs()
    {
        var time = new ManualTimeProvider();
        var cluster = new InMemoryCluster(time);
        cluster.Put(Resources.ConfigMaps, Map("one"));
        var informers = new SharedInformers(cluster, NullLoggerFactory.Instance, time);
        informers.For(Resources.ConfigMaps, "informer-metrics", "a=b");
        using var collected = new CollectedMetrics(InformerMetrics.MeterName);
        collected.Collect().Keys.Should().NotContain(static key => key.Contains(Of, StringComparison.Ordinal), "it does not run");

        using var stop = new CancellationTokenSource();
        var running = informers.RunAsync(stop.Token);
        await informers.WaitForSyncAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(10));
        time.Advance(TimeSpan.FromSeconds(40));

        collected
            .Collect()
            .Should()
            .Contain($"serving.informer.objects{{{Of}}}", 1)
            .And.Contain($"serving.informer.synced{{{Of}}}", 1)
            .And.Contain($"serving.informer.lag{{{Of}}}", 40)
            .And.Contain($"serving.informer.relists{{{Of}}}", 0)
            .And.Contain($"serving.informer.watch.failures{{{Of}}}", 0);

        await Eventually.HoldsAsync(() =>
        {
            // The watch may begin a moment after the first list; it sees what is put from then on.
            cluster.Put(Resources.ConfigMaps, Map("two"));
            collected
                .Collect()
                .Should()
                .Contain($"serving.informer.objects{{{Of}}}", 2)
                .And.Contain($"serving.informer.lag{{{Of}}}", 0, "an event confirms the cache");
        });

        await stop.CancelAsync();
        await running;
        collected.Collect().Keys.Should().NotContain(static key => key.Contains(Of, StringComparison.Ordinal));
    }

    [Test]
    public async Task Lists_that_fail_and_lists_that_are_repeated_are_counted()
    {
        await using var server = await FakeApiServer.StartAsync();
        using var client = new ClusterClient(server.Access, new ClusterClientOptions { Attempts = 1 });
        server.Handler = (context, number) =>
            number switch
            {
                1 => FakeApiServer.Fail(context, 500, "InternalError"),
                2 or 4 => FakeApiServer.Json(context, """{"metadata":{"resourceVersion":"5"},"items":[]}"""),
                3 => FakeApiServer.Fail(context, 410, "Expired"),
                _ => Task.Delay(Timeout.Infinite, context.RequestAborted),
            };
        var informer = new Informer<ConfigMap>(client, Resources.ConfigMaps, null, null, NullLogger.Instance);
        informer.State.Should().Be(new InformerState("v1", "ConfigMap") { Resource = "configmaps" });
        using var stop = new CancellationTokenSource();
        var running = informer.RunAsync(stop.Token);

        await Eventually.HoldsAsync(() =>
            (informer.State.Lists, informer.State.Failures, informer.State.HasSynced).Should().Be((2, 1, true))
        );

        await stop.CancelAsync();
        await running;
    }

    private static ConfigMap Map(string name) =>
        new()
        {
            Metadata = new ObjectMeta
            {
                Namespace = "informer-metrics",
                Name = name,
                Labels = new Dictionary<string, string> { ["a"] = "b" },
            },
        };
}

using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>Initial and minimum scale of a Revision.</summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ScaleBoundsTests : EndToEndTests
{
    private static readonly (string, string) Window = ("window", "6s");

    [Test]
    public async Task A_Revision_may_begin_with_no_pods_and_is_ready()
    {
        await Cluster.ApplyAsync(
            new ServiceManifest("none") { Scaling = [("initial-scale", "0"), Window] }.ToConfigurationAndRoute(
                Namespace,
                Cluster.ProgramImage
            )
        );

        await EventuallyAsync(async () =>
        {
            (await ListAsync(Resources.Pods)).Should().BeEmpty();
            ConditionOf((await GetAsync(Resources.Configurations, "none")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "True");
        });
        await EventuallyAsync(async () =>
            ConditionOf((await GetAsync(Resources.Routes, "none")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "True")
        );
        (await ListAsync(Resources.Pods)).Should().BeEmpty();
        (await CallAsync("none")).Body.Should().Be("Hello!", "the first request brings a pod");
    }

    [Test]
    public async Task A_Revision_is_ready_with_as_many_pods_as_it_begins_with_and_drops_them_without_traffic()
    {
        // The three may be ready at once for less time than a poll takes.
        using var stop = new CancellationTokenSource();
        var watching = MostReadyPodsAsync(stop.Token);
        await Cluster.ApplyAsync(
            new ServiceManifest("some") { Scaling = [("initial-scale", "3"), Window] }.ToConfigurationAndRoute(
                Namespace,
                Cluster.ProgramImage
            )
        );

        await EventuallyAsync(async () =>
            ConditionOf((await GetAsync(Resources.Configurations, "some")).Status, "Ready")
                .Should()
                .Match<Condition>(ready => ready.Status == "True")
        );
        await EventuallyAsync(async () => (await PodsAsync("some-00001")).Should().HaveCountLessThan(3));
        await stop.CancelAsync();
        (await watching).Should().Be(3);
    }

    [Test]
    public async Task A_Revision_has_its_least_pods_when_it_is_ready_and_as_long_as_it_is_routed_to()
    {
        const int least = 3;
        var manifest = new ServiceManifest("least") { Scaling = [("min-scale", $"{least}"), Window] };
        await Cluster.ApplyAsync(manifest.ToConfigurationAndRoute(Namespace, Cluster.ProgramImage));
        await HoldsAsync("least-00001");

        await Cluster.ApplyAsync(
            (manifest with { Environment = [("TEXT", "two")] }).ToConfigurationAndRoute(Namespace, Cluster.ProgramImage)
        );
        await HoldsAsync("least-00002");
        await EventuallyAsync(async () => (await ReadyPodsAsync("least-00001")).Should().BeLessThan(least, "nothing leads to it any more"));

        await Cluster.Client.DeleteAsync(Resources.Routes, Namespace, "least", CancellationToken.None);
        await EventuallyAsync(async () =>
            (await ReadyPodsAsync("least-00002")).Should().BeLessThan(least, "without a Route nothing leads to it either")
        );

        async Task HoldsAsync(string revision)
        {
            await EventuallyAsync(async () =>
            {
                var status = (await GetAsync(Resources.Revisions, revision)).Status;
                ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
                status.ActualReplicas.Should().Be(least);
            });
            await ThroughoutAsync(
                TimeSpan.FromSeconds(8),
                async () => (await ReadyPodsAsync(revision)).Should().BeGreaterThanOrEqualTo(least)
            );
        }
    }

    [Test]
    public async Task The_least_scale_of_a_Revision_may_be_changed()
    {
        await Cluster.ApplyAsync(
            new ServiceManifest("changed") { Scaling = [("min-scale", "1"), Window] }.ToConfigurationAndRoute(
                Namespace,
                Cluster.ProgramImage
            )
        );
        await HasAsync(1);
        await ThroughoutAsync(TimeSpan.FromSeconds(8), async () => (await ReadyPodsAsync("changed-00001")).Should().Be(1));

        foreach (var (value, pods) in ((string, int)[])[("\"2\"", 2), ("\"3\"", 3), ("null", 0)])
        {
            await PatchAsync(
                Resources.Revisions,
                "changed-00001",
                $$"""{"metadata":{"annotations":{"autoscaling.knative.dev/min-scale":{{value}} } } }"""
            );
            await HasAsync(pods);
        }

        Task HasAsync(int pods) => EventuallyAsync(async () => (await ReadyPodsAsync("changed-00001")).Should().Be(pods));
    }

    [Test]
    public async Task A_Revision_keeps_its_least_pods_until_as_many_of_the_next_are_ready()
    {
        const int least = 2;
        await SetStateAsync("next-00001");
        var manifest = new ServiceManifest("next")
        {
            Scaling = [("min-scale", $"{least}"), Window],
            Environment = [("STATE", "volume")],
            Container = "readinessProbe: {httpGet: {path: /health} }, volumeMounts: [{name: data, mountPath: /data}]",
            Spec = "volumes: [{name: data, configMap: {name: state} }]",
        };
        await Cluster.ApplyAsync(manifest.ToConfigurationAndRoute(Namespace, Cluster.ProgramImage));
        await EventuallyAsync(async () => (await ReadyPodsAsync("next-00001")).Should().Be(least));

        await Cluster.ApplyAsync(
            (manifest with { Environment = [.. manifest.Environment, ("TEXT", "two")] }).ToConfigurationAndRoute(
                Namespace,
                Cluster.ProgramImage
            )
        );
        List<string> pods = [];
        await EventuallyAsync(async () =>
        {
            pods = [.. (await PodsAsync("next-00002")).Where(pod => pod.Status!.Phase == "Running").Select(pod => pod.Metadata.Name)];
            pods.Should().HaveCount(least);
        });

        await SetStateAsync("next-00001", pods[0]);
        await EventuallyAsync(async () => (await ReadyPodsAsync("next-00002")).Should().Be(1));

        // Two windows, because decisions are made at the end of one.
        await ThroughoutAsync(
            TimeSpan.FromSeconds(12),
            async () => (await ReadyPodsAsync("next-00001")).Should().BeGreaterThanOrEqualTo(least)
        );

        await SetStateAsync(["next-00001", .. pods]);
        await EventuallyAsync(async () => (await ReadyPodsAsync("next-00002")).Should().Be(least));
        await EventuallyAsync(async () => (await ReadyPodsAsync("next-00001")).Should().Be(0));
        (await ReadyPodsAsync("next-00002")).Should().Be(least);
    }

    /// <summary>Whether an object is a ready Revision or pod.</summary>
    private Task SetStateAsync(params IReadOnlyList<string> ready) =>
        Cluster.ApplyAsync(
            $"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: state, namespace: {Namespace}}}, data: {{{string.Join(", ", ready.Select(name => $"{name}: ready"))}}}}}"
        );

    /// <summary>How many pods of the namespace were ready at once, at most.</summary>
    private async Task<int> MostReadyPodsAsync(CancellationToken stop)
    {
        var ready = new HashSet<string>(StringComparer.Ordinal);
        var most = 0;
        await WatchAsync(
            Resources.Pods,
            pod =>
            {
                var isReady = PodState.IsServing(pod);
                _ = isReady ? ready.Add(pod.Metadata.Name) : ready.Remove(pod.Metadata.Name);
                most = Math.Max(most, ready.Count);
            },
            stop
        );
        return most;
    }
}

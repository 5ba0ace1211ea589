using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// Idle revisions whose pods stay, resized in place to almost no requests. <c>SERVING_TEST_WAKES=100</c> measures as many first requests,
/// instead of a few.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ParkedPodTests : EndToEndTests
{
    private const string Small = "10m 10m";
    private const string Full = "100m 25m";
    private const int Together = 5;

    private static int Wakes =>
        int.TryParse(Environment.GetEnvironmentVariable("SERVING_TEST_WAKES"), CultureInfo.InvariantCulture, out var set) ? set : Together;

    [Test]
    public async Task The_first_request_to_a_parked_revision_is_served_by_its_pod_and_wakes_it()
    {
        var names = Enumerable.Range(1, Together).Select(i => $"parked{i}").ToList();
        await Task.WhenAll(names.Select(name => StartAsync(Manifest(name))));
        await Task.WhenAll(names.Select(name => CallAsync(name)));
        var (first, next) = (new ConcurrentBag<double>(), new ConcurrentBag<double>());
        for (var wakes = 0; wakes < Wakes; wakes += Together)
        {
            var pods = new Dictionary<string, string>();
            foreach (var name in names)
                pods[name] = (await ParkedAsync(name)).Metadata.Uid;
            foreach (var name in names)
            {
                first.Add(await TimeAsync(name));
                await EventuallyAsync(async () => Cpu(await OnlyPodAsync(name)).Should().Be(Full));
                next.Add(await TimeAsync(name));
                (await OnlyPodAsync(name)).Metadata.Uid.Should().Be(pods[name], "no pod starts for it");
                (await OnlyPodAsync(name)).Status!.ContainerStatuses.Should().OnlyContain(one => one.RestartCount == 0);
            }
        }

        TestContext.Out.WriteLine($"first request of {first.Count} parked revisions: {Text(first)}; the next request: {Text(next)}");
    }

    [Test]
    public async Task A_burst_of_requests_to_a_parked_revision_loses_none()
    {
        await StartAsync(Manifest("crowd"));
        await ParkedAsync("crowd");

        var answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(_ => CallAsync("crowd", "/wait?before=200")));

        answers.Select(answer => answer.Status).Should().OnlyContain(status => status == HttpStatusCode.OK);
        await EventuallyAsync(async () =>
            (await PodsAsync("crowd-00001")).Select(Cpu).Should().NotBeEmpty().And.OnlyContain(cpu => cpu == Full)
        );
    }

    [Test]
    public async Task A_pod_that_is_killed_while_it_is_parked_is_replaced_and_parked_again()
    {
        await StartAsync(Manifest("killed"));
        var pod = await ParkedAsync("killed");
        await Cluster.Client.DeleteAsync(
            Resources.Pods,
            Namespace,
            pod.Metadata.Name,
            CancellationToken.None,
            new DeleteOptions(GracePeriodSeconds: 0)
        );

        (await ParkedAsync("killed")).Metadata.Uid.Should().NotBe(pod.Metadata.Uid);
        (await CallAsync("killed")).Should().Be((HttpStatusCode.OK, "Hello!"));
    }

    [Test]
    public async Task A_replaced_revision_keeps_no_pods_and_the_new_one_does()
    {
        await StartAsync(Manifest("rolled"));
        await ParkedAsync("rolled");
        await UpdateAsync(Manifest("rolled") with { Environment = [("VERSION", "2")] });

        await EventuallyAsync(async () => (await PodsAsync("rolled-00001")).Should().BeEmpty());
        await EventuallyAsync(async () => (await PodsAsync("rolled-00002")).Select(Cpu).Should().Equal(Small));
    }

    [Test]
    public async Task What_cannot_be_parked_is_rejected()
    {
        var refused = await FluentActions
            .Awaiting(() => ApplyAsync(Manifest("refused") with { Scaling = [("class", "hpa.autoscaling.knative.dev")] }))
            .Should()
            .ThrowAsync<KubernetesConfigurationException>();
        refused.Which.Message.Should().Contain("autoscaling.serving.dev/reserve-scale").And.Contain("kpa.autoscaling.knative.dev");
    }

    private static ServiceManifest Manifest(string name) =>
        new(name)
        {
            Scaling = [("window", "6s"), ("target", "100")],
            RevisionAnnotations = "autoscaling.serving.dev/reserve-scale: \"1\", autoscaling.serving.dev/reserve-memory: 32Mi",
            Container = "resources: {requests: {cpu: 100m, memory: 64Mi}}",
        };

    private static string Cpu(Pod pod) => string.Join(' ', pod.Spec!.Containers.Select(one => one.Resources?.Requests?["cpu"].Text));

    private static string Text(IReadOnlyCollection<double> milliseconds)
    {
        var sorted = milliseconds.Order().ToList();
        return string.Create(
            CultureInfo.InvariantCulture,
            $"median {sorted[sorted.Count / 2]:0.0} ms, 90 % {sorted[sorted.Count * 9 / 10]:0.0} ms, most {sorted[^1]:0.0} ms"
        );
    }

    private async Task<double> TimeAsync(string name)
    {
        var started = Stopwatch.GetTimestamp();
        (await CallAsync(name)).Should().Be((HttpStatusCode.OK, "Hello!"));
        return Stopwatch.GetElapsedTime(started).TotalMilliseconds;
    }

    private async Task<Pod> OnlyPodAsync(string name) => (await PodsAsync(name + "-00001")).Should().ContainSingle().Subject;

    private async Task<Pod> ParkedAsync(string name)
    {
        await EventuallyAsync(async () =>
        {
            var autoscaler = await GetAsync(Resources.PodAutoscalers, name + "-00001");
            ConditionOf(autoscaler.Status, "Parked")
                .Should()
                .Match<Condition>(parked => parked.Status == "True" && parked.Reason == "Parked");
            Cpu(await OnlyPodAsync(name)).Should().Be(Small);
        });
        return await OnlyPodAsync(name);
    }
}

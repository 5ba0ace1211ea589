using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Activator.Throttling;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Dataplane;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

public sealed class RevisionBackendsTests
{
    private static readonly Container ExecProbe = new() { Name = "user-container", ReadinessProbe = new Probe { Exec = new ExecAction { Command = ["true"] } } };
    private static readonly Container StartupProbe = new() { Name = "user-container", StartupProbe = new Probe() };

    private static IEnumerable<Container> OnlyKubernetesCanTell => [ExecProbe, StartupProbe];

    [TestCaseSource(nameof(OnlyKubernetesCanTell))]
    public async Task A_pod_that_only_Kubernetes_can_judge_is_used_when_Kubernetes_calls_it_ready(Container container)
    {
        await using var pod = await FakePod.StartAsync();
        var (throttler, backends) = Make(container);
        using var _ = backends;
        backends.Update(pod.Object("pod-1"));
        throttler.Capacity.Should().Be(0);
        backends.Update(pod.Object("pod-1", ready: true));
        throttler.Capacity.Should().Be(1);
    }

    [TestCaseSource(nameof(OnlyKubernetesCanTell))]
    public async Task Such_a_pod_that_refused_a_connection_is_used_again_when_it_answers_while_it_is_ready(Container container)
    {
        await using var pod = await FakePod.StartAsync();
        var (throttler, backends) = Make(container);
        using var _ = backends;
        backends.Update(pod.Object("pod-1", ready: true));
        backends.Suspect($"127.0.0.1:{pod.Port}");
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(1));
    }

    [TestCaseSource(nameof(OnlyKubernetesCanTell))]
    public async Task Such_a_pod_that_refused_a_connection_and_is_not_ready_any_more_is_not_used_though_it_answers(Container container)
    {
        var probes = 0;
        var answers = false;
        await using var server = await TestServer.StartAsync(context =>
        {
            Interlocked.Increment(ref probes);
            context.Response.StatusCode = Volatile.Read(ref answers) ? 200 : 503;
            return context.Response.WriteAsync(DataplaneHeaders.QueueName);
        });
        var (throttler, backends) = Make(container);
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", server.EndPoint.Port, ready: true));
        backends.Suspect($"127.0.0.1:{server.EndPoint.Port}");
        await Eventually.HoldsAsync(() => Volatile.Read(ref probes).Should().BePositive("it is probed while Kubernetes calls it ready"));
        backends.Update(FakePod.Object("pod-1", server.EndPoint.Port));
        Volatile.Write(ref answers, true);

        // A probe that was under way ends; then nobody asks any more.
        var before = -1;
        await Eventually.HoldsAsync(async () =>
        {
            (before, var since) = (Volatile.Read(ref probes), before);
            await Task.Delay(100);
            since.Should().Be(Volatile.Read(ref probes));
        });
        throttler.Capacity.Should().Be(0);
        backends.Update(FakePod.Object("pod-1", server.EndPoint.Port, ready: true));
        throttler.Capacity.Should().Be(1);
    }

    private static (RevisionThrottler Throttler, RevisionBackends Backends) Make(Container container)
    {
        var revision = new Revision { Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" }, Spec = new RevisionSpec { ContainerConcurrency = 1, Containers = [container] } };
        var throttler = new RevisionThrottler(containerConcurrency: 1, queueDepth: 1);
        return (throttler, new RevisionBackends(revision, throttler, new PodProber(null, 8112, TimeProvider.System)));
    }
}

using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Activator.Throttling;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Dataplane;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

public sealed class RevisionBackendsTests
{
    private static readonly Container ExecProbe = new()
    {
        Name = "user-container",
        ReadinessProbe = new Probe { Exec = new ExecAction { Command = ["true"] } },
    };
    private static readonly Container StartupProbe = new() { Name = "user-container", StartupProbe = new Probe() };

    private static readonly Container Plain = new() { Name = "user-container" };
    private static readonly NetworkConfig NoMesh = new() { MeshCompatibilityMode = MeshCompatibilityMode.Disabled };
    private static readonly NetworkConfig Auto = new();

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

        // A running probe ends; no further one is started.
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

    [Test]
    public async Task Where_a_mesh_may_be_in_the_way_a_pod_that_is_ready_is_used_when_it_has_answered_by_itself()
    {
        await using var pod = await FakePod.StartAsync();
        pod.Ready = false;
        var (throttler, backends) = Make(Plain, () => Auto);
        using var _ = backends;
        backends.Update(pod.Object("pod-1", ready: true));
        throttler.Capacity.Should().Be(0);
        pod.Ready = true;
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(1));
    }

    [Test]
    public async Task Goes_through_the_Service_when_every_pod_fails_as_behind_a_mesh()
    {
        await using var mesh = await AnswerAsync(() => 503);
        await using var service = await FakePod.StartAsync();
        service.Ready = false;
        var (throttler, backends) = Make(Plain, () => Auto, () => service.Port);
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", mesh.EndPoint.Port, ready: true));
        backends.Update(FakePod.Object("pod-2", mesh.EndPoint.Port, ready: true));
        backends.Update(FakePod.Object("pod-3", mesh.EndPoint.Port));
        throttler.Capacity.Should().Be(0);
        service.Ready = true;
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(2, "two pods are ready"));
        throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{service.Port}");

        backends.Update(FakePod.Object("pod-3", mesh.EndPoint.Port, ready: true));
        throttler.Capacity.Should().Be(3);
        service.Ready = false;
        backends.Suspect($"127.0.0.1:{service.Port}");
        throttler.Capacity.Should().Be(0);
        service.Ready = true;
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(3));
    }

    [TestCase(404, MeshCompatibilityMode.Auto, false)]
    [TestCase(503, MeshCompatibilityMode.Disabled, false)]
    [TestCase(503, MeshCompatibilityMode.Auto, true)]
    public async Task Does_not_go_through_the_Service_otherwise(int answer, MeshCompatibilityMode mode, bool throughMesh)
    {
        var probes = 0;
        await using var pod = await AnswerAsync(() =>
        {
            Interlocked.Increment(ref probes);
            return answer;
        });
        await using var service = await AnswerAsync(() => 200);
        var asked = false;
        var (throttler, backends) = Make(
            Plain,
            () => new NetworkConfig { MeshCompatibilityMode = mode, EnableMeshPodAddressability = throughMesh },
            () =>
            {
                asked = true;
                return service.EndPoint.Port;
            }
        );
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", pod.EndPoint.Port));
        await Eventually.HoldsAsync(() => Volatile.Read(ref probes).Should().BeGreaterThan(10));
        asked.Should().BeFalse();
        throttler.Capacity.Should().Be(0);
    }

    [Test]
    public async Task A_pod_that_starts_is_no_mesh()
    {
        // The pod returns 503 until the moment at which the Service responds in its place.
        var hasStarted = false;
        await using var pod = await AnswerAsync(() => Volatile.Read(ref hasStarted) ? 200 : 503);
        await using var service = await AnswerAsync(() =>
        {
            Volatile.Write(ref hasStarted, true);
            return 200;
        });
        var (throttler, backends) = Make(Plain, () => Auto, () => service.EndPoint.Port);
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", pod.EndPoint.Port));
        await Eventually.HoldsAsync(() => throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{pod.EndPoint.Port}"));
    }

    [Test]
    public async Task Goes_through_the_Service_when_no_pod_lets_a_connection_be_made()
    {
        var closed = await ClosedPortAsync();
        await using var service = await FakePod.StartAsync();
        var (throttler, backends) = Make(Plain, () => Auto, () => service.Port);
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", closed, ready: true));
        await Eventually.HoldsAsync(() => throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{service.Port}"));
    }

    [TestCaseSource(nameof(OnlyKubernetesCanTell))]
    public async Task A_pod_that_nobody_may_ask_yet_does_not_keep_others_from_the_Service(Container container)
    {
        await using var mesh = await AnswerAsync(() => 503);
        await using var service = await FakePod.StartAsync();
        var (throttler, backends) = Make(container, () => Auto, () => service.Port);
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", mesh.EndPoint.Port));
        backends.Update(FakePod.Object("pod-2", mesh.EndPoint.Port, ready: true));
        await Eventually.HoldsAsync(() => throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{service.Port}"));
    }

    [Test]
    public async Task Pods_that_come_after_the_last_one_are_asked_anew()
    {
        await using var mesh = await AnswerAsync(() => 502);
        await using var pod = await FakePod.StartAsync();
        await using var service = await FakePod.StartAsync();
        var (throttler, backends) = Make(Plain, () => Auto, () => service.Port);
        using var _ = backends;
        var behind = FakePod.Object("pod-1", mesh.EndPoint.Port, ready: true);
        backends.Update(behind);
        await Eventually.HoldsAsync(() => throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{service.Port}"));
        backends.Remove(behind);
        throttler.Capacity.Should().Be(0);
        backends.Update(pod.Object("pod-2", ready: true));
        await Eventually.HoldsAsync(() => throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{pod.Port}"));
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task In_a_mesh_only_the_Service_counts_and_no_pod_is_asked(bool throughMesh)
    {
        var probes = 0;
        await using var pod = await AnswerAsync(() =>
        {
            Interlocked.Increment(ref probes);
            return 200;
        });
        await using var service = await FakePod.StartAsync();
        service.Ready = false;
        var (throttler, backends) = Make(
            Plain,
            () => new NetworkConfig { MeshCompatibilityMode = MeshCompatibilityMode.Enabled, EnableMeshPodAddressability = throughMesh },
            () => service.Port
        );
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", pod.EndPoint.Port));
        backends.Update(FakePod.Object("pod-2", pod.EndPoint.Port, ready: true));
        throttler.Capacity.Should().Be(0);
        service.Ready = true;
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(1, "one pod is ready"));
        throttler.Reserve()!.Address.Should().Be($"127.0.0.1:{service.Port}");
        probes.Should().Be(0);
    }

    [Test]
    public async Task A_pod_is_probed_as_the_mesh_wants_to_be_asked()
    {
        await using var pod = await TestServer.StartAsync(context =>
        {
            var letThrough = context.Request.Host.Value == "rev-private.ns" && context.Request.Headers["K-Passthrough-Lb"] == "true";
            context.Response.StatusCode = letThrough ? 200 : 503;
            return context.Response.WriteAsync(DataplaneHeaders.QueueName);
        });
        var (throttler, backends) = Make(Plain, () => new NetworkConfig { EnableMeshPodAddressability = true });
        using var _ = backends;
        backends.Update(FakePod.Object("pod-1", pod.EndPoint.Port));
        await Eventually.HoldsAsync(() => throttler.Capacity.Should().Be(1));
    }

    [Test]
    public async Task A_change_of_the_mode_moves_pods_that_are_there()
    {
        await using var pod = await FakePod.StartAsync();
        await using var service = await FakePod.StartAsync();
        var network = NoMesh;
        var (throttler, backends) = Make(Plain, () => network, () => service.Port);
        using var _ = backends;
        backends.Update(pod.Object("pod-1", ready: true));
        foreach (
            var (mode, port) in new[]
            {
                (MeshCompatibilityMode.Enabled, service.Port),
                (MeshCompatibilityMode.Auto, pod.Port),
                (MeshCompatibilityMode.Enabled, service.Port),
                (MeshCompatibilityMode.Disabled, pod.Port),
            }
        )
        {
            network = new NetworkConfig { MeshCompatibilityMode = mode };
            backends.Reconsider();
            await Eventually.HoldsAsync(() =>
            {
                var reserved = throttler.Reserve()!;
                reserved.Release();
                reserved.Address.Should().Be($"127.0.0.1:{port}", "the mode is {0}", mode);
            });
        }
    }

    private static async Task<int> ClosedPortAsync()
    {
        await using var gone = await FakePod.StartAsync();
        return gone.Port;
    }

    private static Task<TestServer> AnswerAsync(Func<int> status) =>
        TestServer.StartAsync(context =>
        {
            context.Response.StatusCode = status();
            return context.Response.WriteAsync(DataplaneHeaders.QueueName);
        });

    private static (RevisionThrottler Throttler, RevisionBackends Backends) Make(
        Container container,
        Func<NetworkConfig>? network = null,
        Func<int>? service = null
    )
    {
        var revision = new Revision
        {
            Metadata = new ObjectMeta { Namespace = "ns", Name = "rev" },
            Spec = new RevisionSpec { ContainerConcurrency = 1, Containers = [container] },
        };
        var throttler = new RevisionThrottler(containerConcurrency: 1, queueDepth: 1);
        return (
            throttler,
            new RevisionBackends(revision, throttler, new PodProber(null, 8112, TimeProvider.System), network ?? (() => NoMesh), Service)
        );

        Destination? Service() => service is null ? null : new Destination("ns", "127.0.0.1", service());
    }
}

using System.Collections.Concurrent;
using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Kubernetes;
using Serving.Networking.Layers.Probing;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Layers;

/// <summary>When an Ingress counts as routed.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class StatusProberTests : IDisposable
{
    private static readonly ObjectKey Key = new("default", "hello");

    private readonly ManualTimeProvider _time = new();
    private readonly RecordingProbe _probe = new();
    private readonly ConcurrentQueue<ObjectKey> _ready = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly StatusProber _prober;
    private readonly Task _running;

    public StatusProberTests()
    {
        _prober = new StatusProber("test", _probe, _ready.Enqueue, NullLogger.Instance, _time);
        _running = _prober.RunAsync(_stop.Token);
    }

    public void Dispose()
    {
        _prober.Dispose();
        _stop.Dispose();
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
    }

    [Test]
    public void An_Ingress_without_targets_is_ready() => _prober.IsReady(Key, "v1", []).Should().BeTrue();

    [Test]
    public async Task Is_ready_once_every_pod_has_confirmed_the_version()
    {
        var slow = true;
        _probe.Respond = (target, _) => new ProbeResult(target.Pod.Port == 1 || !slow);
        _prober.IsReady(Key, "v1", [Pod(1), Pod(2)]).Should().BeFalse();

        await PassAsync(TimeSpan.FromSeconds(2));
        _ready.Should().BeEmpty();
        _prober.IsReady(Key, "v1", [Pod(1), Pod(2)]).Should().BeFalse();

        slow = false;
        await UntilReadyAsync();
        _prober.IsReady(Key, "v1", [Pod(1), Pod(2)]).Should().BeTrue();
        _ready.Should().Equal(Key);
        _probe.Sent.Count(static sent => sent.Target.Pod.Port == 1).Should().Be(1, "a pod that has confirmed is not asked again");
    }

    [Test]
    public async Task Waits_before_the_first_probe_and_longer_after_each_failure_up_to_half_a_minute()
    {
        var at = new ConcurrentQueue<DateTimeOffset>();
        var start = _time.GetUtcNow();
        _probe.Respond = (_, _) =>
        {
            at.Enqueue(_time.GetUtcNow());
            return new ProbeResult(false, "it responds with 404");
        };
        _prober.IsReady(Key, "v1", [Pod(1)]);

        await _time.PassAsync(TimeSpan.FromSeconds(2), static () => false, TimeSpan.FromMilliseconds(50));
        await _time.PassAsync(TimeSpan.FromMinutes(4), () => at.Count >= 13, TimeSpan.FromSeconds(1));

        var times = at.Select(moment => (moment - start).TotalMilliseconds).ToList();
        times[0].Should().BeApproximately(200, 60);
        var delays = times.Zip(times.Skip(1), static (one, next) => next - one).ToList();
        delays[0].Should().BeLessThan(150);
        delays[4].Should().BeGreaterThan(delays[2]);
        delays[^1].Should().BeApproximately(30_000, 1_100);
    }

    [Test]
    public async Task A_newer_version_is_probed_instead_of_the_older_one()
    {
        _probe.Respond = static (_, hash) => new ProbeResult(hash == "v2");
        _prober.IsReady(Key, "v1", [Pod(1)]).Should().BeFalse();
        await PassAsync(TimeSpan.FromSeconds(1));

        _prober.IsReady(Key, "v2", [Pod(1)]).Should().BeFalse("what was found about an older version says nothing");
        await UntilReadyAsync();

        var probes = _probe.Sent.Count;
        await PassAsync(TimeSpan.FromMinutes(1));
        _probe.Sent.Should().HaveCount(probes, "the older version is not probed any more");
        _prober.IsReady(Key, "v1", [Pod(1)]).Should().BeFalse();
    }

    [Test]
    public async Task A_pod_that_is_gone_is_not_waited_for_and_a_new_one_is()
    {
        _probe.Respond = static (target, _) => new ProbeResult(target.Pod.Port != 2);
        _prober.IsReady(Key, "v1", [Pod(1), Pod(2)]).Should().BeFalse();
        await PassAsync(TimeSpan.FromSeconds(1));

        _prober.IsReady(Key, "v1", [Pod(1)]).Should().BeTrue();
        _prober.IsReady(Key, "v1", [Pod(1), Pod(3)]).Should().BeFalse();
        await UntilReadyAsync();
        _prober.IsReady(Key, "v1", [Pod(1), Pod(3)]).Should().BeTrue();
    }

    [Test]
    public async Task A_forgotten_Ingress_is_not_probed()
    {
        _prober.IsReady(Key, "v1", [Pod(1)]);
        _prober.Forget(Key);

        await PassAsync(TimeSpan.FromSeconds(1));

        _probe.Sent.Should().BeEmpty();
        _ready.Should().BeEmpty();
    }

    [Test]
    public async Task A_probe_that_fails_by_itself_is_tried_again()
    {
        _probe.Respond = (_, _) => _probe.Sent.Count < 3 ? throw new UriFormatException("no host") : new ProbeResult(true);
        _prober.IsReady(Key, "v1", [Pod(1)]).Should().BeFalse();

        await UntilReadyAsync();

        _probe.Sent.Should().HaveCount(3);
    }

    [Test]
    public async Task Only_so_many_probes_are_under_way()
    {
        var held = new TaskCompletionSource();
        _probe.Hold = held.Task;
        _prober.IsReady(Key, "v1", Enumerable.Range(1, 40).Select(Pod)).Should().BeFalse();

        await PassAsync(TimeSpan.FromSeconds(1));
        _probe.Sent.Should().HaveCount(StatusProber.Workers);

        held.SetResult();
        await UntilReadyAsync();
        _probe.Sent.Should().HaveCount(40);
    }

    [TestCase(200, "v1", true)]
    [TestCase(200, "v0", false)]
    [TestCase(200, null, true)]
    [TestCase(404, null, false)]
    [TestCase(503, null, false)]
    [TestCase(302, null, true)]
    [TestCase(403, null, true)]
    [TestCase(500, null, true)]
    public void A_response_counts_as_routed_when_it_has_the_hash_or_says_nothing(int status, string? hash, bool ready) =>
        HttpIngressProbe.Judge((HttpStatusCode)status, hash, "v1").IsReady.Should().Be(ready);

    private static ProbeTarget Pod(int port) => new(new IPEndPoint(IPAddress.Loopback, port), IsTls: false, "hello.example.com", 80);

    private Task PassAsync(TimeSpan time) => _time.PassAsync(time, static () => false, TimeSpan.FromMilliseconds(250));

    private async Task UntilReadyAsync()
    {
        await _time.PassAsync(TimeSpan.FromMinutes(2), () => !_ready.IsEmpty, TimeSpan.FromMilliseconds(250));
        _ready.Should().NotBeEmpty();
    }
}

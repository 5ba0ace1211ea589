using FluentAssertions;
using NUnit.Framework;
using Serving.QueueProxy.Readiness;
using Serving.Tests.Support;

namespace Serving.Tests.QueueProxy;

/// <summary>When the sidecar probes a container, and what it reports in between, in virtual time.</summary>
[Category("Slow")]
public sealed class ContainerReadinessTests
{
    private static readonly TimeSpan Often = TimeSpan.FromMilliseconds(20);

    private ManualTimeProvider _time = new();
    private List<double> _probes = [];
    private Func<double, ProbeOutcome> _container = static _ => ProbeOutcome.Ready;

    private double Now => (_time.GetUtcNow() - new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero)).TotalSeconds;

    [SetUp]
    public void SetUp() => (_time, _probes, _container) = (new ManualTimeProvider(), [], static _ => ProbeOutcome.Ready);

    [TestCase(3, 4, new[] { 3.0, 7, 11, 15, 19 })]
    [TestCase(0, 4, new[] { 0.0, 4, 8, 12, 16, 20 })]
    [TestCase(5, 10, new[] { 5.0, 15 })]
    [TestCase(0, 1, new[] { 0.0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20 })]
    public async Task The_users_initial_delay_and_period_hold_however_often_somebody_asks(int delay, int period, double[] expected)
    {
        _container = _ => ProbeOutcome.Failed;
        var prober = Prober(Probe(period, delay));

        await AskAsync(prober, 20);

        _probes.Should().Equal(expected);
    }

    [Test]
    public async Task They_hold_for_a_ready_container_as_well()
    {
        var prober = Prober(Probe(4));

        (await AskAsync(prober, 20)).Should().Equal((0, true));

        _probes.Should().Equal(0, 4, 8, 12, 16, 20);
    }

    [Test]
    public async Task A_kubelet_whose_timer_is_a_little_early_is_told_something_new()
    {
        var prober = Prober(Probe(4));

        for (var asked = 0; asked < 5; asked++)
        {
            await prober.ProbeAsync(byKubelet: true);
            _time.Advance(TimeSpan.FromSeconds(3.9));
        }

        _probes.Should().HaveCount(5);
    }

    [Test]
    public async Task A_container_is_found_the_moment_it_listens_and_probed_by_its_period_from_then_on()
    {
        _container = now => now < 2.5 ? ProbeOutcome.Refused : ProbeOutcome.Ready;
        var prober = Prober(Probe(4, delay: 1));

        (await AskAsync(prober, 8)).Should().Equal((2.5, true));

        _probes.Where(at => at >= 2.5).Should().Equal(2.5, 6.5);
        _probes.Should().OnlyContain(at => at >= 1);
    }

    [Test]
    public async Task A_container_without_a_period_is_probed_fast_until_it_is_ready_and_each_second_from_then_on()
    {
        _container = now => now < 0.5 ? ProbeOutcome.Failed : ProbeOutcome.Ready;
        var prober = Prober(Probe(0));

        var ready = await AskAsync(prober, 5);

        ready.Single().At.Should().BeLessThan(0.55);
        _probes.Count(at => at < 0.5).Should().BeGreaterThan(10);
        _probes.Count(at => at >= 0.55).Should().BeInRange(4, 5);
    }

    [Test]
    public async Task An_initial_delay_without_a_period_holds_too()
    {
        var prober = Prober(Probe(0, delay: 3));

        (await AskAsync(prober, 5)).Should().Equal((3, true));

        _probes.Should().OnlyContain(at => at >= 3);
    }

    [Test]
    public async Task Thresholds_are_counted_in_probes_not_in_questions()
    {
        _container = now => now is >= 4 and < 9 ? ProbeOutcome.Failed : ProbeOutcome.Ready;
        var prober = Prober(Probe(1) with { SuccessThreshold = 2, FailureThreshold = 3 });

        (await AskAsync(prober, 12)).Should().Equal((1, true), (6, false), (10, true));
    }

    [Test]
    public async Task The_kubelet_counts_itself()
    {
        _container = now => now < 2 ? ProbeOutcome.Failed : ProbeOutcome.Ready;
        var prober = Prober(Probe(1) with { SuccessThreshold = 3, FailureThreshold = 3 });

        var heard = new List<bool>();
        for (var second = 0; second < 4; second++)
        {
            heard.Add(await prober.ProbeAsync(byKubelet: true));
            _time.Advance(TimeSpan.FromSeconds(1));
        }

        heard.Should().Equal(false, false, true, true);
    }

    [Test]
    public async Task Every_container_keeps_to_its_own_times_and_all_must_be_ready()
    {
        var (first, second) = (new List<double>(), new List<double>());
        var prober = new UserProber([
            Container(Probe(2), first, _ => ProbeOutcome.Ready),
            Container(Probe(5, delay: 4), second, _ => ProbeOutcome.Ready),
        ]);

        (await AskAsync(prober, 10)).Should().Equal((4, true));

        first.Should().Equal(0, 2, 4, 6, 8, 10);
        second.Should().Equal(4, 9);
    }

    [Test]
    public async Task A_request_that_found_nobody_listening_ends_what_was_known()
    {
        var prober = Prober(Probe(10));
        (await prober.ProbeAsync(byKubelet: false)).Should().BeTrue();

        _container = _ => ProbeOutcome.Refused;
        (await prober.ProbeAsync(byKubelet: false)).Should().BeTrue();
        prober.Refused();

        (await prober.ProbeAsync(byKubelet: false)).Should().BeFalse();
    }

    [Test]
    public async Task Those_who_ask_while_a_probe_is_under_way_get_its_result()
    {
        var (attempts, answer) = (0, new TaskCompletionSource<ProbeOutcome>(TaskCreationOptions.RunContinuationsAsynchronously));
        var prober = new UserProber([
            new ContainerReadiness(
                Probe(5),
                (_, _) =>
                {
                    attempts++;
                    return answer.Task;
                },
                _time
            ),
        ]);

        var asked = Enumerable.Range(0, 10).Select(number => prober.ProbeAsync(byKubelet: number % 2 == 0).AsTask()).ToArray();
        answer.SetResult(ProbeOutcome.Ready);

        (await Task.WhenAll(asked)).Should().OnlyContain(ready => ready);
        attempts.Should().Be(1);
    }

    private static ReadinessProbe Probe(int period, int delay = 0) =>
        new()
        {
            Kind = ProbeKind.Tcp,
            Period = TimeSpan.FromSeconds(period),
            InitialDelay = TimeSpan.FromSeconds(delay),
        };

    private UserProber Prober(ReadinessProbe probe) => new([Container(probe, _probes, now => _container(now))]);

    private ContainerReadiness Container(ReadinessProbe probe, List<double> probes, Func<double, ProbeOutcome> answer) =>
        new(
            probe,
            (_, _) =>
            {
                probes.Add(Math.Round(Now, 2));
                return Task.FromResult(answer(Now));
            },
            _time
        );

    // Queries every few milliseconds and records changes of the result.
    private async Task<List<(double At, bool Ready)>> AskAsync(UserProber prober, int seconds)
    {
        var (heard, last) = (new List<(double, bool)>(), false);
        while (true)
        {
            var asked = prober.ProbeAsync(byKubelet: false).AsTask();
            while (await Task.WhenAny(asked, Task.Delay(1)) != asked)
                _time.Advance(TimeSpan.FromMilliseconds(_time.ActiveTimers == 0 ? 0 : 1));
            var ready = await asked;
            if (ready != last)
                heard.Add((Math.Round(Now, 2), ready));
            last = ready;
            if (Now >= seconds)
                return heard;
            _time.Advance(Often);
        }
    }
}

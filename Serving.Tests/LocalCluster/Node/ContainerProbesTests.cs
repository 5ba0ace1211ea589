using FluentAssertions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.LocalCluster.Node.Pods;
using Serving.LocalCluster.Node.Probes;
using Serving.Tests.Support;

namespace Serving.Tests.LocalCluster.Node;

/// <summary>Timing and effects of container probes, in virtual time.</summary>
public sealed class ContainerProbesTests
{
    private ManualTimeProvider _time = new();
    private Owner _owner = null!;

    [SetUp]
    public void SetUp() => _time = new ManualTimeProvider();

    [TestCase("httpGet")]
    [TestCase("tcpSocket")]
    [TestCase("grpc")]
    [TestCase("exec")]
    public void The_times_that_were_chosen_hold_for_every_handler(string handler)
    {
        var owner = Run(
            new Container
            {
                Name = "app",
                ReadinessProbe = Of(handler) with { InitialDelaySeconds = 3, PeriodSeconds = 4, FailureThreshold = 2 },
            },
            _ => false
        );

        Advance(20);

        owner.Times("readiness").Should().Equal(3, 7, 11, 15, 19);
        owner.IsReady.Should().BeFalse();
    }

    [Test]
    public void Without_chosen_times_a_start_is_seen_at_once()
    {
        var owner = Run(new Container { Name = "app", ReadinessProbe = Of("tcpSocket") }, now => now >= 0.5);

        Advance(1);

        owner.IsReady.Should().BeTrue();
        owner.ReadyAt.Should().BeLessThan(0.6);
    }

    [Test]
    public void Readiness_and_liveness_wait_for_the_startup_probe()
    {
        var container = new Container
        {
            Name = "app",
            StartupProbe = Of("httpGet") with { PeriodSeconds = 2, FailureThreshold = 10 },
            ReadinessProbe = Of("tcpSocket") with { PeriodSeconds = 1 },
            LivenessProbe = Of("grpc") with { PeriodSeconds = 1 },
        };
        var owner = Run(container, (kind, now) => kind != "startup" || now >= 5);

        Advance(8);

        owner.Times("startup").Should().Equal(0, 2, 4, 6);
        owner.Times("readiness").Should().Equal(6, 7, 8);
        owner.Times("liveness").Should().Equal(6, 7, 8);
    }

    [TestCase("startup")]
    [TestCase("liveness")]
    public void A_container_that_fails_too_often_is_ended(string kind)
    {
        var probe = Of("httpGet") with { PeriodSeconds = 2, FailureThreshold = 3 };
        var owner = Run(
            kind == "startup"
                ? new Container { Name = "app", StartupProbe = probe }
                : new Container { Name = "app", LivenessProbe = probe },
            _ => false
        );

        Advance(3);
        owner.Killed.Should().BeNull();
        Advance(20);

        owner.Killed.Should().Be(kind);
        owner.Times(kind).Should().Equal(0, 2, 4);
    }

    [Test]
    public void Thresholds_of_readiness_count_both_ways()
    {
        var probe = Of("httpGet") with { PeriodSeconds = 1, SuccessThreshold = 2, FailureThreshold = 3 };
        var owner = Run(new Container { Name = "app", ReadinessProbe = probe }, now => now < 5);

        Advance(0.5);
        owner.IsReady.Should().BeFalse();
        Advance(1);
        owner.IsReady.Should().BeTrue();
        Advance(5);
        owner.IsReady.Should().BeTrue();
        Advance(1);
        owner.IsReady.Should().BeFalse();
    }

    [Test]
    public void An_initial_delay_counts_from_the_start_of_the_container_not_from_the_end_of_its_startup()
    {
        var container = new Container
        {
            Name = "app",
            StartupProbe = Of("tcpSocket") with { PeriodSeconds = 1, FailureThreshold = 100 },
            LivenessProbe = Of("tcpSocket") with { InitialDelaySeconds = 6, PeriodSeconds = 10 },
        };
        var owner = Run(container, (kind, now) => kind != "startup" || now >= 4);

        Advance(8);

        owner.Times("liveness").Should().Equal(6);
    }

    private static Probe Of(string handler) =>
        handler switch
        {
            "httpGet" => new Probe { HttpGet = new HttpGetAction { Port = 80 } },
            "tcpSocket" => new Probe { TcpSocket = new TcpSocketAction { Port = 80 } },
            "grpc" => new Probe { Grpc = new GrpcAction { Port = 80 } },
            _ => new Probe { Exec = new ExecAction { Command = ["true"] } },
        };

    private Owner Run(Container container, Func<double, bool> succeeds) => Run(container, (_, now) => succeeds(now));

    private Owner Run(Container container, Func<string, double, bool> succeeds)
    {
        _owner = new Owner(container, succeeds, _time);
        _ = new ContainerProbes(container, _owner, _time).RunAsync(default);
        return _owner;
    }

    // In small steps, each of which ends when every probe waits for its next period.
    private void Advance(double seconds)
    {
        for (var step = 0; step < seconds * 100; step++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(10));
            SpinWait.SpinUntil(() => _time.ActiveTimers == _owner.Waiting, TimeSpan.FromSeconds(30)).Should().BeTrue();
        }
    }

    private sealed class Owner(Container container, Func<string, double, bool> succeeds, TimeProvider time) : ContainerProbes.IOwner
    {
        private readonly long _began = time.GetTimestamp();
        private readonly List<(string Kind, double At)> _checks = [];

        public bool IsReady { get; private set; }

        public double ReadyAt { get; private set; }

        public string? Killed { get; private set; }

        /// <summary>The probes that wait for their next period.</summary>
        public int Waiting { get; private set; } = container.StartupProbe is not null ? 1 : Others(container);

        private double Now => time.GetElapsedTime(_began).TotalSeconds;

        public IEnumerable<double> Times(string kind) => _checks.Where(check => check.Kind == kind).Select(check => Math.Round(check.At));

        Task<ProbeResult> ContainerProbes.IOwner.CheckAsync(Probe probe, TimeSpan timeout, CancellationToken cancellation)
        {
            var kind =
                ReferenceEquals(probe, container.StartupProbe) ? "startup"
                : ReferenceEquals(probe, container.ReadinessProbe) ? "readiness"
                : "liveness";
            _checks.Add((kind, Now));
            return Task.FromResult(succeeds(kind, Now) ? ProbeResult.Well : ProbeResult.Failed("no"));
        }

        void ContainerProbes.IOwner.Started() => Waiting = Others(container);

        void ContainerProbes.IOwner.Ready(bool ready)
        {
            IsReady = ready;
            ReadyAt = Now;
        }

        void ContainerProbes.IOwner.Unhealthy(string kind, string message) { }

        void ContainerProbes.IOwner.Kill(string kind, Probe probe)
        {
            Killed = kind;
            Waiting--;
        }

        private static int Others(Container container) =>
            (container.ReadinessProbe is null ? 0 : 1) + (container.LivenessProbe is null ? 0 : 1);
    }
}

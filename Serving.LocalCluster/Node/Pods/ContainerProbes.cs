using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.LocalCluster.Node.Probes;

namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// Runs the probes of one run of a container as a kubelet does: startup first, then readiness and liveness in parallel, each no sooner
/// than its initial delay after the container's start and once per period. A startup or readiness probe without explicit times is
/// repeated every few milliseconds until it first succeeds: a cold start must not wait for a period. So is the probe of Knative's
/// sidecar, which applies the user's times itself. This is safe because the extra attempts only detect readiness
/// earlier; failures still count, and are reported, once per period.
/// </summary>
internal sealed class ContainerProbes(Container container, ContainerProbes.IOwner owner, TimeProvider time)
{
    private static readonly TimeSpan FastFirst = TimeSpan.FromMilliseconds(4);
    private static readonly TimeSpan FastMost = TimeSpan.FromMilliseconds(50);

    // Every run of a command starts a process.
    private static readonly TimeSpan FastExec = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FastFor = TimeSpan.FromMinutes(1);

    private readonly long _started = time.GetTimestamp();

    /// <summary>The container as the probes see it, and their callbacks.</summary>
    internal interface IOwner
    {
        Task<ProbeResult> CheckAsync(Probe probe, TimeSpan timeout, CancellationToken cancellation);

        void Started();

        void Ready(bool ready);

        void Unhealthy(string kind, string message);

        /// <summary>The container must be stopped, and restarted according to its restart policy.</summary>
        void Kill(string kind, Probe probe);
    }

    private enum Kind
    {
        Startup,
        Readiness,
        Liveness,
    }

    /// <summary>Probes until cancelled, which happens when the container has ended.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            if (container.StartupProbe is { } startup)
            {
                await RunAsync(Kind.Startup, startup, cancellation);
            }

            owner.Started();
            var liveness = container.LivenessProbe is { } live ? RunAsync(Kind.Liveness, live, cancellation) : Task.CompletedTask;
            if (container.ReadinessProbe is { } ready)
            {
                await RunAsync(Kind.Readiness, ready, cancellation);
            }
            else
            {
                owner.Ready(true);
            }

            await liveness;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The container has ended, and its probes with it.
            return;
        }
    }

    private async Task RunAsync(Kind kind, Probe probe, CancellationToken cancellation)
    {
        var period = Seconds(probe.PeriodSeconds, 10);
        var timeout = Seconds(probe.TimeoutSeconds, 1);
        var delay = TimeSpan.FromSeconds(probe.InitialDelaySeconds ?? 0) - time.GetElapsedTime(_started);
        if (delay > TimeSpan.Zero)
        {
            await Task.Delay(delay, time, cancellation);
        }

        var began = time.GetTimestamp();
        var fast = probe.Exec is null ? FastFirst : FastExec;
        var mayBeFast = MayBeFast(kind, probe);
        var counted = mayBeFast ? 0 : -1;
        int successes = 0,
            failures = 0;
        while (true)
        {
            var result = await owner.CheckAsync(probe, timeout, cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (result.Success)
            {
                mayBeFast = false;
                failures = 0;
                if (++successes >= (probe.SuccessThreshold ?? 1))
                {
                    if (kind == Kind.Startup)
                    {
                        return;
                    }

                    if (kind == Kind.Readiness)
                    {
                        owner.Ready(true);
                    }
                }
            }
            else
            {
                successes = 0;
                var periods = (int)(time.GetElapsedTime(began) / period);
                if (!mayBeFast || periods > counted)
                {
                    counted = periods;
                    owner.Unhealthy(kind.ToString(), result.Message);
                    if (++failures >= (probe.FailureThreshold ?? 3))
                    {
                        if (kind != Kind.Readiness)
                        {
                            owner.Kill(kind.ToString().ToLowerInvariant(), probe);
                            await Task.Delay(Timeout.InfiniteTimeSpan, time, cancellation);
                        }

                        owner.Ready(false);
                    }
                }
            }

            var wait = mayBeFast && time.GetElapsedTime(began) < FastFor ? fast : period;
            fast = fast * 1.25 > FastMost ? Max(fast, FastMost) : fast * 1.25;
            await Task.Delay(wait < period ? wait : period, time, cancellation);
        }
    }

    private bool MayBeFast(Kind kind, Probe probe) =>
        kind switch
        {
            Kind.Liveness => false,
            Kind.Readiness when container.Name == ContainerNames.QueueProxy => (probe.SuccessThreshold ?? 1) <= 1,
            _ => probe is { PeriodSeconds: null or 0, InitialDelaySeconds: null or 0 },
        };

    private static TimeSpan Seconds(int? seconds, int otherwise) => TimeSpan.FromSeconds(seconds is > 0 ? seconds.Value : otherwise);

    private static TimeSpan Max(TimeSpan a, TimeSpan b) => a > b ? a : b;
}

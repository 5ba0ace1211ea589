namespace Serving.QueueProxy.Readiness;

/// <summary>
/// Whether one container is ready, by its probe. Invariant: however often it is asked, the container is probed no sooner than its initial
/// delay and no more often than its period; in between the last result counts. An attempt that nobody listened to is none of these
/// probes, so it may be repeated at any time: thus a container is found the moment it listens. Without a period it is probed every few
/// milliseconds while it starts, and at most once a second from then on. Not thread-safe but for <see cref="Refused"/>.
/// </summary>
/// <param name="probe">The probe.</param>
/// <param name="attempt">Carries it out: within what time, and whether to log a failure.</param>
/// <param name="time">The clock; the container counts as started now.</param>
internal sealed class ContainerReadiness(ReadinessProbe probe, Func<TimeSpan, bool, Task<ProbeOutcome>> attempt, TimeProvider time)
{
    private static readonly TimeSpan RoundLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AggressiveTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan AssumedPeriod = TimeSpan.FromSeconds(1);

    // The kubelet's own period is the same, but its timers are not exact: what comes a little early is not to wait for the next one.
    private const double KubeletTolerance = 0.9;

    private readonly long _started = time.GetTimestamp();
    private readonly TimeSpan _period = probe.Aggressive ? AssumedPeriod : probe.Period;
    private long _probed;
    private long _reported;
    private int _successes;
    private int _failures;
    private volatile bool _unknown = true;

    /// <summary>What the last probe found.</summary>
    public bool LastSucceeded { get; private set; }

    /// <summary>Whether it is ready: it succeeded as often as it has to, and has not failed too often since.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Whether what is known must do: it is too early to probe.</summary>
    /// <param name="byKubelet">Whether the kubelet wants to know.</param>
    public bool IsKnown(bool byKubelet)
    {
        if (time.GetElapsedTime(_started) < probe.InitialDelay) return true;
        if (_unknown || (probe.Aggressive && !IsReady)) return false;
        return time.GetElapsedTime(_probed) < (byKubelet ? _period * KubeletTolerance : _period);
    }

    /// <summary>A request found nobody listening: the container has ended, so what was known of it does not count.</summary>
    public void Refused() => _unknown = true;

    /// <summary>Probes it.</summary>
    public async Task ProbeAsync()
    {
        if (probe.Aggressive && (!IsReady || _unknown)) await StartAsync();
        else await AttemptAsync(probe.Timeout, Reports());
    }

    // Fast while it is about to start, then easier on a container that takes its time.
    private async Task StartAsync()
    {
        var began = time.GetTimestamp();
        var interval = FirstInterval;
        while (true)
        {
            var last = time.GetElapsedTime(began) >= RoundLimit;
            await AttemptAsync(AggressiveTimeout, last);
            if (IsReady || last) return;
            await Task.Delay(interval, time);
            if (interval < LongestInterval) interval *= 1.1;
        }
    }

    private async Task AttemptAsync(TimeSpan timeout, bool report)
    {
        var began = time.GetTimestamp();
        _unknown = false;
        var outcome = await attempt(timeout, report);
        LastSucceeded = outcome == ProbeOutcome.Ready;
        if (outcome == ProbeOutcome.Refused)
        {
            _unknown = true;
            (IsReady, _successes, _failures) = (false, 0, 0);
            return;
        }

        _probed = began;
        if (LastSucceeded)
        {
            _failures = 0;
            if (++_successes >= probe.SuccessThreshold) IsReady = true;
        }
        else
        {
            _successes = 0;
            if (++_failures >= probe.FailureThreshold) IsReady = false;
        }
    }

    // Refused attempts come as often as somebody asks; the log hears of them once a period.
    private bool Reports()
    {
        if (_reported != 0 && time.GetElapsedTime(_reported) < _period) return false;
        _reported = time.GetTimestamp();
        return true;
    }
}

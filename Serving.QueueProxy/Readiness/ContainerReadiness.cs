namespace Serving.QueueProxy.Readiness;

/// <summary>
/// Tracks the readiness of one container by its probe. Invariant: however often it is queried, the container is not probed before its
/// initial delay or more often than its period; in between the last result is returned. A refused connection does not count as a probe, so
/// it may be retried at any time: a container is found as soon as it listens. Without a period the container is probed every few
/// milliseconds while it starts, and at most once a second afterwards. Not thread-safe except for <see cref="Refused"/>.
/// </summary>
/// <param name="probe">The probe.</param>
/// <param name="attempt">Performs the probe, given its timeout and whether to log a failure.</param>
/// <param name="time">The clock; the container counts as started when this is constructed.</param>
internal sealed class ContainerReadiness(ReadinessProbe probe, Func<TimeSpan, bool, Task<ProbeOutcome>> attempt, TimeProvider time)
{
    private static readonly TimeSpan RoundLimit = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan AggressiveTimeout = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan FirstInterval = TimeSpan.FromMilliseconds(3);
    private static readonly TimeSpan LongestInterval = TimeSpan.FromMilliseconds(25);
    private static readonly TimeSpan AssumedPeriod = TimeSpan.FromSeconds(1);

    // The kubelet uses the same period but its timers are inexact: a query that is slightly early must not wait for the next one.
    private const double KubeletTolerance = 0.9;

    private readonly long _started = time.GetTimestamp();
    private readonly TimeSpan _period = probe.Aggressive ? AssumedPeriod : probe.Period;
    private long _probed;
    private long _reported;
    private int _successes;
    private int _failures;
    private volatile bool _unknown = true;

    /// <summary>The result of the last probe.</summary>
    public bool LastSucceeded { get; private set; }

    /// <summary>Whether the container is ready: the success threshold was reached, and the failure threshold has not been reached
    /// since.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Whether the last result must be used because it is too early to probe.</summary>
    /// <param name="byKubelet">Whether the kubelet is probing.</param>
    public bool IsKnown(bool byKubelet)
    {
        if (time.GetElapsedTime(_started) < probe.InitialDelay)
            return true;
        if (_unknown || (probe.Aggressive && !IsReady))
            return false;
        return time.GetElapsedTime(_probed) < (byKubelet ? _period * KubeletTolerance : _period);
    }

    /// <summary>A request was refused: the container has exited, so its previous results no longer count.</summary>
    public void Refused() => _unknown = true;

    /// <summary>Probes the container.</summary>
    public async Task ProbeAsync()
    {
        if (probe.Aggressive && (!IsReady || _unknown))
            await StartAsync();
        else
            await AttemptAsync(probe.Timeout, Reports());
    }

    // Probe fast while the container is about to start, then less often if it starts slowly.
    private async Task StartAsync()
    {
        var began = time.GetTimestamp();
        var interval = FirstInterval;
        while (true)
        {
            var last = time.GetElapsedTime(began) >= RoundLimit;
            await AttemptAsync(AggressiveTimeout, last);
            if (IsReady || last)
                return;
            await Task.Delay(interval, time);
            if (interval < LongestInterval)
                interval *= 1.1;
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
            if (++_successes >= probe.SuccessThreshold)
                IsReady = true;
        }
        else
        {
            _successes = 0;
            if (++_failures >= probe.FailureThreshold)
                IsReady = false;
        }
    }

    // Refused attempts occur as often as they are requested; log them once per period.
    private bool Reports()
    {
        if (_reported != 0 && time.GetElapsedTime(_reported) < _period)
            return false;
        _reported = time.GetTimestamp();
        return true;
    }
}

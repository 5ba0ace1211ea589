using System.Diagnostics;
using Serving.Api.Core;
using Serving.Dataplane;

namespace Serving.Activator.ColdStarts;

/// <summary>
/// One cold start in progress: a request arrived at this activator, and its revision had no pod. All times count from its arrival, by the
/// monotonic clock. Not thread-safe; <see cref="RevisionColdStarts"/> guards it. Invariant: bounded, however many pods are started.
/// </summary>
internal sealed class ColdStart
{
    /// <summary>Pods of which milestones are kept: the first request is answered by one of the first pods.</summary>
    private const int MostPods = 8;

    private readonly TimeProvider _time;
    private readonly DateTimeOffset _arrived;
    private readonly long _started;
    private readonly List<PodMilestones> _pods = [];
    private TimeSpan? _decided;
    private TimeSpan? _written;
    private TimeSpan? _accepted;
    private TimeSpan _idleSince;
    private string _address = "";

    /// <param name="time">The clock.</param>
    /// <param name="activity">The activity of the request, for exemplars; null when it is not traced.</param>
    public ColdStart(TimeProvider time, Activity? activity)
    {
        _time = time;
        _arrived = time.GetUtcNow();
        _started = time.GetTimestamp();
        Activity = activity;
    }

    /// <summary>The activity of the first request that is traced.</summary>
    public Activity? Activity { get; private set; }

    /// <summary>When the first request arrived.</summary>
    public DateTimeOffset Arrived => _arrived;

    /// <summary>The number of requests that wait for it.</summary>
    public int Waiting { get; private set; }

    /// <summary>Whether a request is being forwarded whose response would end it.</summary>
    public bool IsAnswering { get; private set; }

    /// <summary>Whether no request waits for it, and none is being forwarded that could end it.</summary>
    public bool IsIdle => Waiting == 0 && !IsAnswering;

    /// <summary>Since the last request left, or the last pod; meaningful while it is idle.</summary>
    public TimeSpan SinceIdle => Now - _idleSince;

    /// <summary>When the response began; null before, and for one that was abandoned.</summary>
    public TimeSpan? FirstByte { get; private set; }

    /// <summary>How long it took, once it has ended.</summary>
    public TimeSpan Duration { get; private set; }

    /// <summary>Since the response began.</summary>
    public TimeSpan SinceFirstByte => FirstByte is { } first ? Now - first : TimeSpan.Zero;

    /// <summary>Whether the status of the pod that answered, as far as it matters, has arrived.</summary>
    public bool IsComplete => FirstByte is not null && Answering()?.IsComplete == true;

    private TimeSpan Now => _time.GetElapsedTime(_started);

    /// <summary>Another request waits for it.</summary>
    public void Join(Activity? activity)
    {
        Waiting++;
        if (Activity is not { Recorded: true } && activity is { Recorded: true })
            Activity = activity;
    }

    /// <summary>A request no longer waits for it.</summary>
    public void Leave()
    {
        Waiting--;
        _idleSince = Now;
    }

    /// <summary>The last pod is gone.</summary>
    public void LosePods() => _idleSince = Now;

    /// <summary>The autoscaler has written the scale now.</summary>
    /// <param name="writeTime">The time since its decision.</param>
    public void Scaled(TimeSpan writeTime)
    {
        if (_written is not null)
            return;
        _written = Now;
        _decided = writeTime < _written ? _written - writeTime : TimeSpan.Zero;
    }

    /// <summary>The revision had been scaled for another activator's request before this one arrived.</summary>
    public void ScaledBefore() => _written = _decided = TimeSpan.Zero;

    /// <summary>Applies a state of a pod of the revision.</summary>
    public void Observe(Pod pod)
    {
        var known = _pods.Find(one => one.Uid == pod.Metadata.Uid);
        if (known is null && _pods.Count < MostPods)
            _pods.Add(known = new PodMilestones(pod.Metadata.Uid, _arrived));
        known?.Observe(pod, Now);
    }

    /// <summary>A request is forwarded to the pod at an address.</summary>
    public void BeginAnswer(string address)
    {
        IsAnswering = true;
        _accepted = Now;
        _address = address;
    }

    /// <summary>The response begins.</summary>
    public void Answer() => Duration = FirstByte ??= Now;

    /// <summary>The request ended without a response from a pod; another may follow.</summary>
    public void EndAnswer()
    {
        IsAnswering = false;
        _idleSince = Now;
    }

    /// <summary>It has ended without a response: now, because pods are ready; or when there was nothing left to wait for it.</summary>
    public void Abandon(bool isReady) => Duration = isReady ? Now : _idleSince;

    /// <summary>The phases, once it has ended. Of one without a response the phase in which it ended is the last.</summary>
    public ColdStartBreakdown TakeApart()
    {
        var pod = FirstByte is null ? MostAdvanced() : Answering();
        TimeSpan?[] ends =
        [
            _decided,
            _written,
            pod?.Scheduled?.Estimate,
            pod?.FirstStarted?.Estimate,
            pod?.AllStarted?.Estimate,
            _accepted,
            FirstByte,
        ];
        if (FirstByte is null)
            ends[Array.FindLastIndex(ends, static end => end is not null) + 1] = Duration;
        return new ColdStartBreakdown(ends);
    }

    /// <summary>The pod that answered. A request through the revision's Service names no pod: then the one that started first.</summary>
    private PodMilestones? Answering()
    {
        var (ip, _) = HostAndPort.Split(_address);
        return _pods.Find(pod => pod.Ip.Length > 0 && pod.Ip == ip)
            ?? _pods.Where(static pod => pod.AllStarted is not null).MinBy(static pod => pod.AllStarted!.Value.Seen);
    }

    /// <summary>The pod that has come furthest.</summary>
    private PodMilestones? MostAdvanced() =>
        Answering() ?? _pods.Find(static pod => pod.FirstStarted is not null) ?? _pods.Find(static pod => pod.Scheduled is not null);
}

using System.Diagnostics;
using Serving.Api.Core;
using Serving.Dataplane;

namespace Serving.Activator.ColdStarts;

/// <summary>
/// One cold start in progress: a request waits at this activator, and its revision had no pod. All times count from its arrival, by the
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
    private TimeSpan _accepted;
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
    public int Waiting { get; set; }

    /// <summary>Whether a request is being forwarded whose response would end it.</summary>
    public bool IsAnswering { get; private set; }

    /// <summary>When the response began; null before.</summary>
    public TimeSpan? FirstByte { get; private set; }

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
    public void Answer() => FirstByte ??= Now;

    /// <summary>The request ended without a response from a pod; another may follow.</summary>
    public void EndAnswer() => IsAnswering = false;

    /// <summary>The phases, once the response has begun.</summary>
    public ColdStartBreakdown TakeApart()
    {
        var pod = Answering();
        return new ColdStartBreakdown([
            _decided,
            _written,
            pod?.Scheduled?.Estimate,
            pod?.FirstStarted?.Estimate,
            pod?.AllStarted?.Estimate,
            _accepted,
            FirstByte,
        ]);
    }

    /// <summary>The pod that answered. A request through the revision's Service names no pod: then the one that started first.</summary>
    private PodMilestones? Answering()
    {
        var (ip, _) = HostAndPort.Split(_address);
        return _pods.Find(pod => pod.Ip.Length > 0 && pod.Ip == ip)
            ?? _pods.Where(static pod => pod.AllStarted is not null).MinBy(static pod => pod.AllStarted!.Value.Seen);
    }
}

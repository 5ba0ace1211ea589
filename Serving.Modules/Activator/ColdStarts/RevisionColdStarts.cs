using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.Activator.ColdStarts;

/// <summary>
/// The cold starts of one revision, as this activator sees them. Requests that arrive while the revision has no pod share one; the first
/// byte of the first response ends it. What the pods report of their start may arrive later than the response, so it is recorded when their
/// status is complete, or a few seconds later without it. When all of its requests have left before, it goes on, so that a retry joins it;
/// it is abandoned when a pod is ready and nobody came back, or when the scale is gone. Invariant: at most one is in progress and one waits
/// for pods.
/// </summary>
internal sealed class RevisionColdStarts(ObjectKey revision, ColdStartRecorder recorder)
{
    /// <summary>How long after it was written a scale explains the pods that come.</summary>
    private static readonly TimeSpan ScaleLasts = TimeSpan.FromSeconds(10);

    /// <summary>How long to wait for the status of the pod.</summary>
    private static readonly TimeSpan StatusLasts = TimeSpan.FromSeconds(5);

    /// <summary>How long to wait for pods after all requests have left: as long as the autoscaler keeps the scale by default.</summary>
    private static readonly TimeSpan PodsLast = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private Dictionary<string, bool>? _live;
    private ColdStart? _pending;
    private ColdStart? _settling;
    private long? _scaled;
    private long _count;
    private double _seconds;
    private bool _isClosed;

    /// <summary>The revision.</summary>
    public ObjectKey Revision => revision;

    /// <summary>The number of recorded cold starts, and their total duration in seconds.</summary>
    public (long Count, double Seconds) Total
    {
        get
        {
            lock (_lock)
                return (_count, _seconds);
        }
    }

    /// <summary>A request arrived that must wait. Returns the cold start that it waits for, to be passed to <see cref="Leave"/>; null when
    /// the revision has pods, so that it waits for something else.</summary>
    public ColdStart? Join()
    {
        lock (_lock)
        {
            if (_pending is null)
            {
                if (_live is { Count: > 0 })
                    return null;
                _pending = new ColdStart(recorder.Time, Activity.Current);
                if (_scaled is { } at && recorder.Time.GetElapsedTime(at) < ScaleLasts)
                    _pending.ScaledBefore();
            }

            _pending.Join(Activity.Current);
            return _pending;
        }
    }

    /// <summary>A request that had joined ended, whatever became of it.</summary>
    public void Leave(ColdStart start)
    {
        lock (_lock)
            start.Leave();
        AbandonIdle(start);
    }

    /// <summary>The autoscaler has scaled the revision up from zero, now.</summary>
    public void Scaled(TimeSpan writeTime)
    {
        lock (_lock)
        {
            _scaled = recorder.Time.GetTimestamp();
            _pending?.Scaled(writeTime);
        }
    }

    /// <summary>Applies a state of a pod of the revision.</summary>
    public void Observe(Pod pod)
    {
        if (pod.Metadata.DeletionTimestamp is not null || pod.Status?.Phase is "Succeeded" or "Failed")
        {
            Remove(pod);
            return;
        }

        lock (_lock)
        {
            (_live ??= new Dictionary<string, bool>(StringComparer.Ordinal))[pod.Metadata.Uid] = PodState.IsReady(pod);
            _pending?.Observe(pod);
            _settling?.Observe(pod);
        }

        Settle();
        AbandonIdle(Volatile.Read(ref _pending));
    }

    /// <summary>A pod is gone, or going.</summary>
    public void Remove(Pod pod)
    {
        ColdStart? abandoned = null;
        lock (_lock)
        {
            if (_live?.Remove(pod.Metadata.Uid) == true && _live.Count == 0)
            {
                // The scale that had started it is over.
                _live = null;
                _scaled = null;
                _pending?.LosePods();
                if (_pending is { IsIdle: true })
                    abandoned = TakeAbandoned(isReady: false);
            }
        }

        if (abandoned is not null)
            recorder.Record(this, abandoned);
    }

    /// <summary>The revision is gone: what is in progress ends with its requests.</summary>
    public void Close()
    {
        Settle(now: true);
        ColdStart? pending;
        lock (_lock)
        {
            _isClosed = true;
            pending = _pending;
        }

        AbandonIdle(pending);
    }

    /// <summary>
    /// A request is about to be forwarded to a pod. Returns the cold start that its response ends, to be passed to <see cref="EndAnswer"/>;
    /// null when there is none, which costs one read.
    /// </summary>
    public ColdStart? BeginAnswer(HttpContext context, string address)
    {
        if (Volatile.Read(ref _pending) is null || context.Response.HasStarted)
            return null;
        ColdStart start;
        lock (_lock)
        {
            if (_pending is not { IsAnswering: false } pending)
                return null;
            start = pending;
            start.BeginAnswer(address);
        }

        context.Response.OnStarting(
            static state =>
            {
                var (starts, start) = ((RevisionColdStarts, ColdStart))state;
                starts.Answer(start);
                return Task.CompletedTask;
            },
            (this, start)
        );
        return start;
    }

    /// <summary>The request was forwarded. If no response has begun, the next request may end the cold start.</summary>
    public void EndAnswer(ColdStart start)
    {
        lock (_lock)
            start.EndAnswer();
        AbandonIdle(start);
    }

    /// <summary>Records what no event ends: a response whose pod's status does not come, and a scale without pods.</summary>
    public void Sweep()
    {
        Settle();
        AbandonIdle(Volatile.Read(ref _pending));
        if (Volatile.Read(ref _settling) is not null)
            recorder.Await(this);
    }

    /// <summary>Records the cold start whose response has begun, once its pod's status is complete or will not come.</summary>
    public void Settle(bool now = false)
    {
        if (Volatile.Read(ref _settling) is null)
            return;
        ColdStart settled;
        lock (_lock)
        {
            if (_settling is not { } settling || !(now || settling.IsComplete || settling.SinceFirstByte >= StatusLasts))
                return;
            settled = settling;
            _settling = null;
            Count(settled);
        }

        recorder.Record(this, settled);
    }

    private void Answer(ColdStart start)
    {
        // One that still waits for its pod's status does so in vain: its pods are gone.
        Settle(now: true);
        lock (_lock)
        {
            // An error response of ours, after the request was forwarded in vain, does not end it.
            if (!start.IsAnswering || !ReferenceEquals(_pending, start))
                return;
            start.Answer();
            _pending = null;
            _settling = start;
        }

        recorder.Await(this);
        Settle();
    }

    /// <summary>Ends a cold start that no request waits for, if there is nothing left to wait for.</summary>
    private void AbandonIdle(ColdStart? start)
    {
        if (start is null)
            return;
        ColdStart abandoned;
        lock (_lock)
        {
            if (!ReferenceEquals(_pending, start) || !start.IsIdle)
                return;
            var isReady = _live?.ContainsValue(true) == true;
            if (!isReady && !_isClosed && (_live is { Count: > 0 } || start.SinceIdle < PodsLast))
            {
                recorder.Await(this);
                return;
            }

            abandoned = TakeAbandoned(isReady);
        }

        recorder.Record(this, abandoned);
    }

    private ColdStart TakeAbandoned(bool isReady)
    {
        var abandoned = _pending!;
        abandoned.Abandon(isReady);
        _pending = null;
        Count(abandoned);
        return abandoned;
    }

    private void Count(ColdStart ended)
    {
        _count++;
        _seconds += ended.Duration.TotalSeconds;
    }
}

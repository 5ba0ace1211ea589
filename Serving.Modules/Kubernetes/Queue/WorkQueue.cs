using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Serving.Concurrency;

namespace Serving.Kubernetes.Queue;

/// <summary>
/// A queue of keys to be processed. Invariants: a key is queued at most once however often it is added, and is never processed twice at the
/// same time: a key added while it is processed waits until <see cref="Done"/>.
/// </summary>
/// <typeparam name="TKey">The key; equal keys are the same work.</typeparam>
public sealed class WorkQueue<TKey> : WorkQueueMetrics.IObserved, IDisposable
    where TKey : notnull
{
    private static readonly Backoff Retries = new(TimeSpan.FromMilliseconds(5), TimeSpan.FromSeconds(1000));

    private static readonly TimeSpan LongestDelay = TimeSpan.FromDays(1);

    private readonly Lock _lock = new();
    private readonly TimeProvider _time;
    private readonly KeyValuePair<string, object?> _label;
    private readonly Channel<TKey> _ready = Channel.CreateUnbounded<TKey>();
    private readonly Dictionary<TKey, long> _waiting = [];
    private readonly Dictionary<TKey, long> _processing = [];
    private readonly Dictionary<TKey, int> _failures = [];
    private readonly Dictionary<TKey, long> _delayed = [];
    private readonly PriorityQueue<TKey, long> _schedule = new();
    private readonly BackgroundTimer _timer;
    private long _retries;
    private bool _closed;

    /// <param name="name">The name in metrics.</param>
    /// <param name="time">The clock of delays.</param>
    public WorkQueue(string name, TimeProvider? time = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = name;
        _time = time ?? TimeProvider.System;
        _label = WorkQueueMetrics.QueueName.Of(name);
        _timer = BackgroundTimer.Once(_time, $"Releasing the delayed keys of {name}", ReleaseDue);
        WorkQueueMetrics.Open(this);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>Number of keys that are ready to be taken.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count(pair => !_processing.ContainsKey(pair.Key));
            }
        }
    }

    /// <summary>The key that has been processed for longest, and for how long; null when none is.</summary>
    public (TKey Key, TimeSpan Running)? LongestRunning
    {
        get
        {
            lock (_lock)
            {
                return _processing.Count == 0 ? null
                    : _processing.MinBy(pair => pair.Value) is var oldest ? (oldest.Key, _time.GetElapsedTime(oldest.Value))
                    : null;
            }
        }
    }

    int WorkQueueMetrics.IObserved.Queued
    {
        get
        {
            lock (_lock)
            {
                return _waiting.Count;
            }
        }
    }

    double WorkQueueMetrics.IObserved.UnfinishedSeconds
    {
        get
        {
            lock (_lock)
            {
                return _processing.Values.Sum(since => _time.GetElapsedTime(since).TotalSeconds);
            }
        }
    }

    double WorkQueueMetrics.IObserved.LongestRunningSeconds
    {
        get
        {
            lock (_lock)
            {
                return _processing.Values.Select(since => _time.GetElapsedTime(since).TotalSeconds).DefaultIfEmpty().Max();
            }
        }
    }

    WorkQueueState WorkQueueMetrics.IObserved.State
    {
        get
        {
            lock (_lock)
            {
                var now = _time.GetTimestamp();
                var ready = _waiting.Where(pair => !_processing.ContainsKey(pair.Key)).Select(pair => pair.Value).ToList();
                KeyValuePair<TKey, long>? longest = _processing.Count == 0 ? null : _processing.MinBy(pair => pair.Value);
                return new WorkQueueState(
                    Name,
                    ready.Count,
                    _processing.Count,
                    _delayed.Count,
                    _retries,
                    ready.Count == 0 ? null : _time.GetElapsedTime(ready.Min(), now),
                    longest?.Key.ToString(),
                    longest is { } running ? _time.GetElapsedTime(running.Value, now) : null,
                    _failures.Count,
                    [
                        .. _failures
                            .OrderByDescending(pair => pair.Value)
                            .Take(WorkQueueState.MostListed)
                            .Select(pair => new FailingKey(pair.Key.ToString() ?? "", pair.Value)),
                    ]
                );
            }
        }
    }

    /// <summary>Adds a key unless it is queued already. Does nothing after <see cref="Dispose"/>.</summary>
    public void Add(TKey key)
    {
        lock (_lock)
        {
            AddLocked(key);
        }
    }

    /// <summary>Adds a key after a delay; of several pending delays of one key the earliest counts.</summary>
    public void AddAfter(TKey key, TimeSpan delay)
    {
        if (delay <= TimeSpan.Zero)
        {
            Add(key);
            return;
        }

        // Cap delays at a day: an early look does no harm, and a longer time may exceed a timer's range.
        delay = delay < LongestDelay ? delay : LongestDelay;
        lock (_lock)
        {
            var due = _time.GetTimestamp() + (long)(delay.TotalSeconds * _time.TimestampFrequency);
            if (_closed || (_delayed.TryGetValue(key, out var earlier) && earlier <= due))
            {
                return;
            }

            _delayed[key] = due;
            _schedule.Enqueue(key, due);
            ArmLocked();
        }
    }

    /// <summary>Adds a failed key after a delay that doubles with every failure: 5 ms, 10 ms … 1000 s, or
    /// <paramref name="longest"/>.</summary>
    public void AddRateLimited(TKey key, TimeSpan? longest = null)
    {
        TimeSpan delay;
        lock (_lock)
        {
            delay = Retries.After(_failures[key] = _failures.GetValueOrDefault(key) + 1);
            _retries++;
        }

        WorkQueueMetrics.Retried(_label);
        AddAfter(key, longest is { } most && delay > most ? most : delay);
    }

    /// <summary>Resets the failures of a key, so that its next retry starts at the first delay.</summary>
    public void Forget(TKey key)
    {
        lock (_lock)
        {
            _failures.Remove(key);
        }
    }

    /// <summary>The number of failures of the key since the last <see cref="Forget"/>.</summary>
    public int Failures(TKey key)
    {
        lock (_lock)
        {
            return _failures.GetValueOrDefault(key);
        }
    }

    /// <summary>Waits for a key and takes it; the caller must call <see cref="Done"/>. Throws
    /// <see cref="OperationCanceledException"/>.</summary>
    public async ValueTask<TKey> TakeAsync(CancellationToken cancellation)
    {
        var key = await _ready.Reader.ReadAsync(cancellation);
        MarkTaken(key);
        return key;
    }

    /// <summary>Takes a key if one is ready; the caller must call <see cref="Done"/>.</summary>
    public bool TryTake([MaybeNullWhen(false)] out TKey key)
    {
        if (!_ready.Reader.TryRead(out key))
        {
            return false;
        }

        MarkTaken(key);
        return true;
    }

    /// <summary>Marks the processing of a taken key as finished.</summary>
    public void Done(TKey key)
    {
        lock (_lock)
        {
            if (!_processing.Remove(key, out var since))
            {
                return;
            }

            WorkQueueMetrics.Processed(_label, _time.GetElapsedTime(since));
            if (!_closed && _waiting.ContainsKey(key))
            {
                _ready.Writer.TryWrite(key);
            }
        }
    }

    /// <summary>Stops accepting keys, and drops the queued ones.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            _closed = true;
            _waiting.Clear();
            _delayed.Clear();
            _schedule.Clear();
            _ready.Writer.TryComplete();
        }

        _timer.Dispose();
        WorkQueueMetrics.Close(this);
    }

    private void MarkTaken(TKey key)
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            if (_waiting.Remove(key, out var since))
            {
                WorkQueueMetrics.Taken(_label, _time.GetElapsedTime(since, now));
            }

            _processing[key] = now;
        }
    }

    private void AddLocked(TKey key)
    {
        if (_closed || !_waiting.TryAdd(key, _time.GetTimestamp()))
        {
            return;
        }

        WorkQueueMetrics.Added(_label);
        if (!_processing.ContainsKey(key))
        {
            _ready.Writer.TryWrite(key);
        }
    }

    private void ReleaseDue()
    {
        lock (_lock)
        {
            if (_closed)
            {
                return;
            }

            var now = _time.GetTimestamp();
            while (_schedule.TryPeek(out var key, out var due) && due <= now)
            {
                _schedule.Dequeue();
                if (_delayed.TryGetValue(key, out var current) && current == due)
                {
                    _delayed.Remove(key);
                    AddLocked(key);
                }
            }

            ArmLocked();
        }
    }

    private void ArmLocked()
    {
        if (_schedule.TryPeek(out _, out var due))
        {
            var wait = _time.GetElapsedTime(_time.GetTimestamp(), due);
            var bounded = TimeSpan.FromMilliseconds(Math.Clamp(Math.Ceiling(wait.TotalMilliseconds), 0, 86_400_000));
            _timer.Arm(bounded);
        }
    }
}

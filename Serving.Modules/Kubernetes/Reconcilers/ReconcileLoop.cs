using System.Diagnostics;
using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Queue;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// Runs one reconciler: informer events become keys in a work queue, and workers take them. Wiring reads as a sentence: <c>new
/// ReconcileLoop(reconciler, logger).For(configurations).Owns(revisions).Watches(routes, route => keys)</c>.
/// </summary>
public sealed class ReconcileLoop
{
    /// <summary>The longest time that one reconcile may take: many times the timeout of a request to the API server.</summary>
    public static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(5);

    /// <summary>The longest retry delay for a key whose child is rejected or whose child's name is taken: the cause may have been
    /// removed.</summary>
    public static readonly TimeSpan ChildRetry = TimeSpan.FromSeconds(60);

    /// <summary>Attempts, about 20 s of them, before a missing dependency is logged as a warning.</summary>
    private const int QuietAttempts = 12;

    private readonly IReconciler _reconciler;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly int _workers;
    private readonly Lock _lock = new();
    private readonly List<Source> _sources = [];
    private readonly HashSet<ObjectKey> _early = [];
    private readonly TakenNames _takenNames = new();
    private Shard _shard = Shard.Whole;
    private WorkQueue<ObjectKey>? _queue;
    private volatile string? _kind;
    private bool _hasRun;

    /// <param name="reconciler">The reconciler.</param>
    /// <param name="logger">Logs failures.</param>
    /// <param name="time">The clock of delays and back-off.</param>
    /// <param name="workers">Number of concurrent workers, at least 1.</param>
    public ReconcileLoop(IReconciler reconciler, ILogger logger, TimeProvider? time = null, int workers = 4)
    {
        ArgumentNullException.ThrowIfNull(reconciler);
        ArgumentNullException.ThrowIfNull(logger);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        _reconciler = reconciler;
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _workers = workers;
    }

    /// <summary>Null while reconciles return; otherwise the key whose reconcile does not return.</summary>
    public string? StuckReason
    {
        get
        {
            lock (_lock)
            {
                return _queue?.LongestRunning is var (key, running) && running > StuckAfter
                    ? $"{_reconciler.Name} has been reconciling {key} for {running.TotalSeconds:0} s"
                    : null;
            }
        }
    }

    /// <summary>Reconciles every object of this informer when it changes.</summary>
    public ReconcileLoop For<T>(IInformer<T> informer)
        where T : class, IKubernetesObject =>
        Add(
            informer,
            change =>
            {
                _kind ??= KindOf(change.Object);
                Enqueue(change.Key);
            }
        );

    /// <summary>Reconciles the controlling owner (of <paramref name="ownerKind"/>, such as <c>Configuration</c>) of a changed
    /// object.</summary>
    public ReconcileLoop Owns<T>(IInformer<T> informer, string ownerKind)
        where T : class, IKubernetesObject
    {
        ArgumentException.ThrowIfNullOrEmpty(ownerKind);
        return Watches(informer, value => OwnersOf(value, ownerKind));
    }

    /// <summary>Reconciles the keys that <paramref name="map"/> returns for a changed object (called with its old and its new
    /// state).</summary>
    public ReconcileLoop Watches<T>(IInformer<T> informer, Func<T, IEnumerable<ObjectKey>> map)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(map);
        return Add(
            informer,
            change =>
            {
                EnqueueAll(change.Old, map);
                EnqueueAll(change.New, map);
            }
        );
    }

    /// <summary>Reconciles the keys that <paramref name="map"/> gives for a change, for objects of which only a part concerns them.</summary>
    public ReconcileLoop WatchesChanges<T>(IInformer<T> informer, Func<Change<T>, IEnumerable<ObjectKey>> map)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(map);
        return Add(
            informer,
            change =>
            {
                foreach (var key in map(change))
                {
                    Enqueue(key);
                }
            }
        );
    }

    /// <summary>Restricts the loop to the keys of one shard.</summary>
    public ReconcileLoop Within(Shard shard)
    {
        _shard = shard;
        return this;
    }

    /// <summary>
    /// Enqueues <paramref name="key"/> now; may be called before the loop first runs. Between two runs nothing is queued: the next run
    /// reconciles every object, and a standby may wait months for it. A key of another shard is ignored.
    /// </summary>
    public void Enqueue(ObjectKey key)
    {
        if (!_shard.Owns(key))
        {
            return;
        }

        lock (_lock)
        {
            if (_queue is not null)
            {
                _queue.Add(key);
            }
            else if (!_hasRun)
            {
                _early.Add(key);
            }
        }
    }

    /// <summary>Enqueues <paramref name="key"/> after a delay; ignored while the loop does not run.</summary>
    public void EnqueueAfter(ObjectKey key, TimeSpan delay)
    {
        lock (_lock)
        {
            _queue?.AddAfter(key, delay);
        }
    }

    /// <summary>Waits for the informers to sync, then works until cancelled. May be run again after it has ended: a new leader term starts
    /// from scratch.</summary>
    public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(client);
        try
        {
            await Task.WhenAll(_sources.Select(source => source.WaitForSync(cancellation)));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return;
        }

        using var queue = new WorkQueue<ObjectKey>(_reconciler.Name, _time);
        Begin(queue);
        var registrations = new List<IDisposable>(_sources.Count);
        try
        {
            registrations.AddRange(_sources.Select(source => source.Subscribe()));
            await Task.WhenAll(Enumerable.Range(0, _workers).Select(_ => WorkAsync(queue, client, cancellation)));
        }
        finally
        {
            foreach (var registration in registrations)
            {
                registration.Dispose();
            }

            lock (_lock)
            {
                _queue = null;
            }
        }
    }

    private static IEnumerable<ObjectKey> OwnersOf(IKubernetesObject value, string ownerKind)
    {
        foreach (var owner in value.Metadata.OwnerReferences)
        {
            if (owner.Controller == true && owner.Kind == ownerKind)
            {
                yield return new ObjectKey(value.Metadata.Namespace, owner.Name);
            }
        }
    }

    private ReconcileLoop Add<T>(IInformer<T> informer, Action<Change<T>> handler)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(informer);
        _sources.Add(
            new Source(
                informer.WaitForSyncAsync,
                () =>
                    informer.AddHandler(change =>
                    {
                        handler(change);
                        foreach (var waiting in _takenNames.Take(change.Object.Kind, change.Key))
                        {
                            Enqueue(waiting);
                        }
                    })
            )
        );
        return this;
    }

    private void EnqueueAll<T>(T? value, Func<T, IEnumerable<ObjectKey>> map)
        where T : class, IKubernetesObject
    {
        if (value is null)
        {
            return;
        }

        foreach (var key in map(value))
        {
            Enqueue(key);
        }
    }

    private void Begin(WorkQueue<ObjectKey> queue)
    {
        lock (_lock)
        {
            if (_queue is not null)
            {
                throw new InvalidOperationException($"the loop of {_reconciler.Name} is already running");
            }

            _queue = queue;
            _hasRun = true;
            foreach (var key in _early)
            {
                queue.Add(key);
            }

            _early.Clear();
        }
    }

    private async Task WorkAsync(WorkQueue<ObjectKey> queue, IKubernetesClient client, CancellationToken cancellation)
    {
        // Yield, so that a reconciler that completes synchronously does not keep the other workers from starting.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (!cancellation.IsCancellationRequested)
        {
            ObjectKey key;
            try
            {
                key = await queue.TakeAsync(cancellation);
            }
            catch (OperationCanceledException)
            {
                return;
            }

            try
            {
                await ReconcileAsync(queue, key, client, cancellation);
            }
            finally
            {
                queue.Done(key);
            }
        }
    }

    /// <summary>The kind as Knative's controllers log it: <c>serving.knative.dev.Revision</c>, or <c>Pod</c> in the core group.</summary>
    private static string KindOf(IKubernetesObject of)
    {
        var slash = of.ApiVersion.IndexOf('/', StringComparison.Ordinal);
        return slash < 0 ? of.Kind : $"{of.ApiVersion[..slash]}.{of.Kind}";
    }

    /// <summary>Reconciles an object within its span and the scope of its log lines.</summary>
    private async Task ReconcileAsync(WorkQueue<ObjectKey> queue, ObjectKey key, IKubernetesClient client, CancellationToken cancellation)
    {
        using var span = ReconcileSpan.Start(_reconciler.Name, key, queue.Failures(key));
        using var scope = _logger.BeginScope(ScopeOf(key, span));
        await ReconcileOneAsync(queue, key, client, cancellation);
    }

    /// <summary>The fields of the lines of a reconcile. Its id is the trace's, which the log adds, else a random one.</summary>
    private KeyValuePair<string, object?>[] ScopeOf(ObjectKey key, Activity? span)
    {
        KeyValuePair<string, object?> controller = new("knative.dev/controller", _reconciler.Name);
        KeyValuePair<string, object?> kind = new("knative.dev/kind", _kind);
        KeyValuePair<string, object?> name = new("knative.dev/key", key.ToString());
        return span is { Recorded: true } ? [controller, kind, name] : [new("knative.dev/traceid", Guid.NewGuid()), controller, kind, name];
    }

    private async Task ReconcileOneAsync(
        WorkQueue<ObjectKey> queue,
        ObjectKey key,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var begun = _time.GetTimestamp();
        var outcome = ReconcileMetrics.Success;
        try
        {
            var result = await _reconciler.ReconcileAsync(key, client, cancellation);
            if (_logger.IsEnabled(LogLevel.Debug))
            {
                _logger.LogDebug(
                    "Reconciled {Reconciler} {Key} in {Milliseconds} ms",
                    _reconciler.Name,
                    key,
                    (long)_time.GetElapsedTime(begun).TotalMilliseconds
                );
            }

            queue.Forget(key);
            if (result.Requeue is { } delay)
            {
                queue.AddAfter(key, delay);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The loop ends; the next term reconciles every key again.
            return;
        }
        catch (KubernetesException conflict) when (conflict.IsConflict)
        {
            outcome = ReconcileMetrics.Conflict;
            _logger.LogDebug("Reconciling {Reconciler} {Key} used a stale cache: {Message}", _reconciler.Name, key, conflict.Message);
            queue.AddRateLimited(key);
        }
        catch (Exception terminating)
            when (StepFailures.Flatten(terminating).All(static one => one is KubernetesException { IsNamespaceTerminating: true }))
        {
            // Everything in the namespace is being deleted, and no event will enqueue the key again.
            _logger.LogDebug(
                "Reconciling {Reconciler} {Key} ended, its namespace is being deleted: {Message}",
                _reconciler.Name,
                key,
                terminating.Message
            );
            queue.Forget(key);
        }
        catch (Exception blocked) when (StepFailures.Flatten(blocked).All(static one => one is ChildException))
        {
            outcome = ReconcileMetrics.Waiting;
            foreach (var taken in StepFailures.Flatten(blocked).OfType<NotOwnedException>())
            {
                _takenNames.Add(taken.Kind, taken.Key, key);
            }

            _logger.LogWarning(
                "Reconciling {Reconciler} {Key} waits (attempt {Attempt}): {Message}",
                _reconciler.Name,
                key,
                queue.Failures(key) + 1,
                blocked.Message
            );
            queue.AddRateLimited(key, ChildRetry);
        }
        catch (Exception failure)
        {
            outcome = Report(failure, key, queue.Failures(key) + 1);
            queue.AddRateLimited(key);
        }

        ReconcileMetrics.Reconciled(_reconciler.Name, outcome, _time.GetElapsedTime(begun));
        ReconcileSpan.End(outcome);
    }

    /// <summary>Logs a failure; returns the result that metrics report.</summary>
    private string Report(Exception failure, ObjectKey key, int attempt)
    {
        var causes = StepFailures.Flatten(failure).ToList();
        if (causes.TrueForAll(static cause => cause is KubernetesException { IsUnreachable: true }))
        {
            Unreachable.Log(_logger, causes[0]);
            return ReconcileMetrics.Unreachable;
        }

        if (causes.TrueForAll(static cause => cause is KubernetesException { IsWebhookAway: true }))
        {
            Unreachable.LogWebhook(_logger, causes[0]);
            return ReconcileMetrics.Unreachable;
        }

        if (
            attempt <= QuietAttempts
            && causes.TrueForAll(static cause =>
                cause is AwaitedException or KubernetesException { IsNotFound: true } or KubernetesException { IsAlreadyExists: true }
            )
        )
        {
            // Expected: caches lag, other controllers have yet to create what is missing, and deletions arrive in any order.
            _logger.LogDebug(
                "Reconciling {Reconciler} {Key} waits (attempt {Attempt}): {Error}",
                _reconciler.Name,
                key,
                attempt,
                failure.Message
            );
            return ReconcileMetrics.Waiting;
        }

        _logger.LogWarning(
            causes.TrueForAll(static cause => cause is KubernetesException or AwaitedException) ? null : failure,
            "Reconciling {Reconciler} {Key} failed (attempt {Attempt}): {Reason}",
            _reconciler.Name,
            key,
            attempt,
            failure.Message
        );
        return ReconcileMetrics.Failure;
    }

    private sealed record Source(Func<CancellationToken, Task> WaitForSync, Func<IDisposable> Subscribe);
}

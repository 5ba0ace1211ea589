using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Concurrency;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;

namespace Serving.Kubernetes.Informers;

/// <summary>
/// Keeps the cache of one collection: lists, then watches from there. A dropped watch resumes at its resourceVersion. Only when the server
/// no longer knows that version (410) is the collection listed again and compared with the cache, so that handlers see every difference
/// once and readers never see an empty cache in between.
/// </summary>
public sealed class Informer<T> : IInformer<T>
    where T : class, IKubernetesObject
{
    private static readonly Backoff Delays = new(TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(5));

    /// <summary>The time over which informers spread their requests when the server responds again.</summary>
    private static readonly TimeSpan Stagger = TimeSpan.FromMilliseconds(200);

    /// <summary>A quiet watch ends after ten and a half minutes; a list of many pages takes a while.</summary>
    private static readonly TimeSpan StuckAfter = TimeSpan.FromMinutes(20);

    private readonly IKubernetesClient _client;
    private readonly ResourceType<T> _type;
    private readonly string? _namespace;
    private readonly Func<T, T>? _project;
    private readonly ListOptions _options;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly InformerCache<T> _cache = new();
    private readonly TaskCompletionSource _synced = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Guards the handlers, and makes a change of the cache and its notification atomic.
    private readonly Lock _dispatch = new();
    private readonly Heartbeat _heartbeat;
    private Action<Change<T>>[] _handlers = [];
    private string _version = "";

    // Used by the loop only: failed turns in a row, and whether the current watch has delivered an event.
    private int _failures;
    private bool _heard;
    private bool _expired;
    private bool _woken;

    // For display: written by the loop, read by anybody.
    private volatile string? _lastError;
    private long _lastEvent;
    private long _confirmed;
    private long _lists;
    private long _problems;

    /// <param name="client">The client that lists and watches.</param>
    /// <param name="type">The collection.</param>
    /// <param name="ns">The namespace; all when null.</param>
    /// <param name="labelSelector">A label selector, in query syntax.</param>
    /// <param name="logger">Logger.</param>
    /// <param name="time">The clock of back-off.</param>
    /// <param name="name">The name of a single object; null for all.</param>
    /// <param name="project">Returns the part of an object that is cached; all of it when null.</param>
    public Informer(
        IKubernetesClient client,
        ResourceType<T> type,
        string? ns,
        string? labelSelector,
        ILogger logger,
        TimeProvider? time = null,
        string? name = null,
        Func<T, T>? project = null
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(type);
        ArgumentNullException.ThrowIfNull(logger);
        _client = client;
        _type = type;
        _namespace = ns;
        _project = project;
        _options = new ListOptions(LabelSelector: labelSelector, FieldSelector: name is null ? null : $"metadata.name={name}");
        _logger = logger;
        _time = time ?? TimeProvider.System;
        _heartbeat = new Heartbeat($"the watch of {type.Plural}", StuckAfter, _time);
    }

    /// <summary>Null while it lists, watches and retries; otherwise how long it has done none of these.</summary>
    public string? StuckReason => _heartbeat.StuckReason;

    /// <summary>The state, for metrics and display.</summary>
    public InformerState State
    {
        get
        {
            var lists = Interlocked.Read(ref _lists);
            return new InformerState(_type.ApiVersion, _type.Kind)
            {
                Resource = _type.Group.Length == 0 ? _type.Plural : $"{_type.Plural}.{_type.Group}",
                Namespace = _namespace ?? "",
                Selector = string.Join(
                    ',',
                    new[] { _options.LabelSelector, _options.FieldSelector }.Where(static one => !string.IsNullOrEmpty(one))
                ),
                Objects = _cache.Count,
                HasSynced = HasSynced,
                LastEvent = Interlocked.Read(ref _lastEvent) is > 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null,
                Lag = lists == 0 ? null : _time.GetElapsedTime(Interlocked.Read(ref _confirmed)),
                Lists = lists,
                Failures = Interlocked.Read(ref _problems),
                LastError = _lastError,
                StuckReason = StuckReason,
            };
        }
    }

    /// <inheritdoc/>
    public ILister<T> Lister => _cache;

    /// <inheritdoc/>
    public bool HasSynced => _synced.Task.IsCompleted;

    /// <inheritdoc/>
    public Task WaitForSyncAsync(CancellationToken cancellation) => _synced.Task.WaitAsync(cancellation);

    /// <inheritdoc/>
    public IDisposable AddHandler(Action<Change<T>> handler)
    {
        ArgumentNullException.ThrowIfNull(handler);
        lock (_dispatch)
        {
            foreach (var value in _cache.List())
            {
                Call(handler, new Change<T>(null, value));
            }

            _handlers = [.. _handlers, handler];
        }

        return new Registration(this, handler);
    }

    /// <summary>Keeps the cache current until cancelled. Never throws because of the server.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        try
        {
            await KeepAsync(cancellation);
        }
        finally
        {
            _heartbeat.Idle();
        }
    }

    private async Task KeepAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            _heartbeat.Beat();
            try
            {
                var (delay, answered) = await TurnAsync(cancellation);
                await PauseAsync(delay, answered, cancellation);
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                return;
            }
        }
    }

    /// <summary>Lists when necessary and follows one watch. Returns the delay before the next turn, and a task that ends the delay early
    /// (already completed: none).</summary>
    private async Task<(TimeSpan Delay, Task Answered)> TurnAsync(CancellationToken cancellation)
    {
        try
        {
            if (_version.Length == 0)
            {
                await ListAsync(cancellation);
            }

            var opened = _time.GetTimestamp();
            await WatchAsync(cancellation);
            _lastError = null;
            if (_heard || _time.GetElapsedTime(opened) > Delays.Longest)
            {
                Succeeded();
            }

            // Back off from a server that closes watches as soon as they open.
            return (_failures++ == 0 ? TimeSpan.Zero : Delays.JitteredAfter(_failures), Task.CompletedTask);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            throw;
        }
        catch (KubernetesException gone) when (gone.IsGone)
        {
            _logger.LogDebug("The watch of {Resource} fell behind; listing again", _type.Plural);
            _lastError = null;
            _version = "";

            // The server responds again, so the failures before do not count.
            var again = _expired;
            _expired = true;
            return (again ? Delays.JitteredAfter(++_failures) : TimeSpan.Zero, Task.CompletedTask);
        }
        catch (Exception error)
        {
            if (_heard)
            {
                Succeeded();
            }

            Interlocked.Increment(ref _problems);
            _lastError = error.Message;
            if (++_failures is not (1 or 5) && _failures % 50 != 0)
            {
                _logger.LogDebug("Watching {Resource}: {Error}; trying again", _type.Plural, error.Message);
            }
            else if (error is KubernetesException { IsUnreachable: true })
            {
                Unreachable.Log(_logger, error);
            }
            else
            {
                _logger.LogWarning("Watching {Resource}: {Error}; trying again", _type.Plural, error.Message);
            }

            return (
                Delays.JitteredAfter(_failures),
                error is KubernetesException { IsUnreachable: true } ? _client.NextResponse : Task.CompletedTask
            );
        }
        finally
        {
            _heard = false;
        }
    }

    private void Succeeded() => (_failures, _expired, _woken) = (0, false, false);

    /// <summary>
    /// Waits; less when the unreachable server responds to another caller. Not twice in a row: a server may respond to others but not to
    /// us.
    /// </summary>
    private async Task PauseAsync(TimeSpan delay, Task answered, CancellationToken cancellation)
    {
        if (_woken || answered.IsCompleted)
        {
            _woken = false;
            await Task.Delay(delay, _time, cancellation);
            return;
        }

        using var over = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var waited = Task.Delay(delay, _time, over.Token);
        _woken = await Task.WhenAny(waited, answered) != waited;
        await over.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
        if (_woken)
        {
            await Task.Delay(Stagger * Random.Shared.NextDouble(), _time, cancellation);
        }
    }

    private async Task ListAsync(CancellationToken cancellation)
    {
        var asked = _time.GetTimestamp();
        var list = await _client.ListAsync(_type, _namespace, _options, cancellation);
        lock (_dispatch)
        {
            var present = new HashSet<ObjectKey>(list.Items.Count);
            foreach (var item in list.Items)
            {
                present.Add(ObjectKey.Of(item));
                Put(item);
            }

            foreach (var known in _cache.List())
            {
                if (!present.Contains(ObjectKey.Of(known)))
                {
                    Drop(known);
                }
            }

            _version = list.Metadata.ResourceVersion;
        }

        _lastError = null;
        Interlocked.Exchange(ref _confirmed, asked);
        Interlocked.Increment(ref _lists);
        _synced.TrySetResult();
    }

    /// <summary>Follows one watch until it ends.</summary>
    private async Task WatchAsync(CancellationToken cancellation)
    {
        await foreach (var change in _client.WatchAsync(_type, _namespace, _options with { ResourceVersion = _version }, cancellation))
        {
            _heard = true;
            _lastError = null;
            Interlocked.Exchange(ref _lastEvent, _time.GetUtcNow().Ticks);
            _heartbeat.Beat();
            Interlocked.Exchange(ref _confirmed, _time.GetTimestamp());
            lock (_dispatch)
            {
                switch (change.Type)
                {
                    case WatchEventType.Added or WatchEventType.Modified:
                        Put(change.Object);
                        break;
                    case WatchEventType.Deleted:
                        Drop(change.Object);
                        break;
                }

                if (change.Object.Metadata.ResourceVersion is { Length: > 0 } version)
                {
                    _version = version;
                }
            }
        }
    }

    private void Put(T value)
    {
        var meta = value.Metadata;
        if (
            _cache.Get(meta.Namespace, meta.Name) is { } known
            && known.Metadata.ResourceVersion == meta.ResourceVersion
            && known.Metadata.Uid == meta.Uid
        )
        {
            return;
        }

        var slim = Slim(value);
        var old = _cache.Set(slim);
        if (old is not null && old.Metadata.Uid != slim.Metadata.Uid)
        {
            // Deleted and recreated while there was no watch: handlers that track an identity need both events.
            Announce(new Change<T>(old, null));
            old = null;
        }

        Announce(new Change<T>(old, slim));
    }

    private void Drop(T last)
    {
        if (_cache.Remove(ObjectKey.Of(last)) is { } known)
        {
            Announce(new Change<T>(ReferenceEquals(known, last) ? known : Slim(last), null));
        }
    }

    private T Slim(T value)
    {
        var slim = CacheTransform.Apply(_type, value);
        return _project is null ? slim : _project(slim);
    }

    private void Announce(Change<T> change)
    {
        foreach (var handler in _handlers)
        {
            Call(handler, change);
        }
    }

    private void Call(Action<Change<T>> handler, Change<T> change)
    {
        try
        {
            handler(change);
        }
        catch (Exception error)
        {
            _logger.LogError(error, "A handler of {Resource} failed on {Key}", _type.Plural, change.Key);
        }
    }

    private sealed class Registration(Informer<T> owner, Action<Change<T>> handler) : IDisposable
    {
        public void Dispose()
        {
            lock (owner._dispatch)
            {
                var index = Array.IndexOf(owner._handlers, handler);
                if (index >= 0)
                {
                    owner._handlers = [.. owner._handlers[..index], .. owner._handlers[(index + 1)..]];
                }
            }
        }
    }
}

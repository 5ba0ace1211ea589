using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Informers;

/// <summary>The shared informers of the process. Invariant: there is one informer per resource and selector.</summary>
public sealed class SharedInformers : IInformers, IInformerCaches
{
    private readonly IKubernetesClient _client;
    private readonly ILogger _logger;
    private readonly TimeProvider _time;
    private readonly bool _writesPods;
    private readonly Lock _lock = new();
    private readonly Dictionary<Key, Entry> _entries = [];
    private readonly List<Task> _running = [];
    private CancellationToken? _term;

    /// <param name="client">The client that lists and watches.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock of back-off.</param>
    /// <param name="writesPods">Whether cached pods are run or written back; otherwise only what a control plane reads of them is
    /// cached.</param>
    public SharedInformers(IKubernetesClient client, ILoggerFactory loggers, TimeProvider? time = null, bool writesPods = true)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(loggers);
        _client = client;
        _logger = loggers.CreateLogger("Serving.Kubernetes.Informers");
        _time = time ?? TimeProvider.System;
        _writesPods = writesPods;
    }

    /// <summary>The collections that have not synced yet, for the readiness probe.</summary>
    public IReadOnlyList<string> NotSynced
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries.Where(pair => !pair.Value.HasSynced()).Select(pair => pair.Key.Plural)];
            }
        }
    }

    /// <summary>The informers that are stuck, with the reason, for the liveness probe; empty also while the API server is
    /// unreachable.</summary>
    public IReadOnlyList<string> Stuck
    {
        get
        {
            lock (_lock)
            {
                return [.. _entries.Values.Select(entry => entry.StuckReason()).OfType<string>()];
            }
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<InformerState> States
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _entries
                        .Values.Select(entry => entry.State())
                        .OrderBy(state => state.Kind, StringComparer.Ordinal)
                        .ThenBy(state => state.Scope, StringComparer.Ordinal),
                ];
            }
        }
    }

    /// <inheritdoc/>
    public ILister<T>? Find<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(type);
        lock (_lock)
        {
            return _entries.TryGetValue(Key.Of(type, ns, labelSelector, null), out var entry)
                ? ((IInformer<T>)entry.Informer).Lister
                : null;
        }
    }

    /// <inheritdoc/>
    public IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject => For(type, ns, labelSelector, null);

    /// <inheritdoc/>
    public IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
        where T : class, IKubernetesObject
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        return For(type, ns, null, name);
    }

    /// <inheritdoc/>
    public Task WaitForSyncAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            return Task.WhenAll([.. _entries.Values.Select(entry => entry.WaitForSync(cancellation))]);
        }
    }

    /// <summary>Runs every requested informer, including those requested later, until cancelled. Not reentrant.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            if (_term is not null)
            {
                throw new InvalidOperationException("the informers are already running");
            }

            _term = cancellation;
            _running.AddRange(_entries.Values.Select(entry => Task.Run(() => entry.Run(cancellation), CancellationToken.None)));
        }

        InformerMetrics.Open(this);
        var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using (cancellation.Register(() => ended.TrySetResult()))
        {
            await ended.Task;
        }

        Task[] running;
        lock (_lock)
        {
            running = [.. _running];
        }

        await Task.WhenAll(running);
        lock (_lock)
        {
            _running.Clear();
            _term = null;
        }

        InformerMetrics.Close(this);
    }

    private IInformer<T> For<T>(ResourceType<T> type, string? ns, string? labelSelector, string? name)
        where T : class, IKubernetesObject
    {
        ArgumentNullException.ThrowIfNull(type);
        var key = Key.Of(type, ns, labelSelector, name);
        lock (_lock)
        {
            if (_entries.TryGetValue(key, out var entry))
            {
                return (IInformer<T>)entry.Informer;
            }

            var informer = new Informer<T>(_client, type, key.Namespace, key.Selector, _logger, _time, name, Projection<T>());
            entry = new Entry(
                informer,
                informer.RunAsync,
                informer.WaitForSyncAsync,
                () => informer.HasSynced,
                () => informer.StuckReason,
                () => informer.State
            );
            _entries[key] = entry;
            if (_term is { IsCancellationRequested: false } term)
            {
                _running.Add(Task.Run(() => entry.Run(term), CancellationToken.None));
            }

            return informer;
        }
    }

    private Func<T, T>? Projection<T>() =>
        _writesPods || typeof(T) != typeof(Pod) ? null : (Func<T, T>)(object)(Func<Pod, Pod>)CachedPod.Of;

    private sealed record Key(Type Model, string Group, string Version, string Plural, string? Namespace, string? Selector, string? Name)
    {
        public static Key Of<T>(ResourceType<T> type, string? ns, string? selector, string? name)
            where T : class, IKubernetesObject =>
            new(
                typeof(T),
                type.Group,
                type.Version,
                type.Plural,
                string.IsNullOrEmpty(ns) ? null : ns,
                string.IsNullOrEmpty(selector) ? null : selector,
                name
            );
    }

    private sealed record Entry(
        object Informer,
        Func<CancellationToken, Task> Run,
        Func<CancellationToken, Task> WaitForSync,
        Func<bool> HasSynced,
        Func<string?> StuckReason,
        Func<InformerState> State
    );
}

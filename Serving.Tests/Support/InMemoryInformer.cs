using Serving.Api;
using Serving.Kubernetes;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Selectors;

namespace Serving.Tests.Support;

/// <summary>The informer of an <see cref="InMemoryCluster"/>: always synced, with the same cache transform as a real one; its handlers run
/// before a write returns.</summary>
internal sealed class InMemoryInformer<T>(ResourceType<T> type, string? ns, LabelMatcher selector) : IInformer<T>, InMemoryCluster.IObserver
    where T : class, IKubernetesObject
{
    private readonly InformerCache<T> _cache = new();
    private readonly List<Action<Change<T>>> _handlers = [];

    public ILister<T> Lister => _cache;

    public bool HasSynced => true;

    public ResourceType Type => type;

    public Task WaitForSyncAsync(CancellationToken cancellation) => Task.CompletedTask;

    public IDisposable AddHandler(Action<Change<T>> handler)
    {
        lock (_handlers)
        {
            _handlers.Add(handler);
        }

        foreach (var value in _cache.List())
        {
            handler(new Change<T>(null, value));
        }

        return new Registration(() =>
        {
            lock (_handlers)
            {
                _handlers.Remove(handler);
            }
        });
    }

    public void Observe(IKubernetesObject value, bool deleted)
    {
        var typed = CacheTransform.Apply(type, (T)value);
        if (ns is not null && typed.Metadata.Namespace != ns)
        {
            return;
        }

        if (deleted || !selector.Matches(typed.Metadata.Labels))
        {
            if (_cache.Remove(ObjectKey.Of(typed)) is not null)
            {
                Call(new Change<T>(typed, null));
            }

            return;
        }

        Call(new Change<T>(_cache.Set(typed), typed));
    }

    private void Call(Change<T> change)
    {
        Action<Change<T>>[] handlers;
        lock (_handlers)
        {
            handlers = [.. _handlers];
        }

        foreach (var handler in handlers)
        {
            handler(change);
        }
    }

    private sealed class Registration(Action dispose) : IDisposable
    {
        public void Dispose() => dispose();
    }
}

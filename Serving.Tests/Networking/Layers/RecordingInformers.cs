using System.Collections.Concurrent;
using Serving.Api;
using Serving.Kubernetes.Informers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Layers;

/// <summary>The informers of a cluster, and which were requested.</summary>
internal sealed class RecordingInformers(InMemoryCluster cluster) : IInformers
{
    private readonly ConcurrentDictionary<string, bool> _requested = [];

    public IEnumerable<string> Requested => _requested.Keys.Order();

    public IInformer<T> For<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject
    {
        _requested[type.Plural] = true;
        return cluster.For(type, ns, labelSelector);
    }

    public IInformer<T> ForOne<T>(ResourceType<T> type, string ns, string name)
        where T : class, IKubernetesObject => For(type, ns);

    public Task WaitForSyncAsync(CancellationToken cancellation) => Task.CompletedTask;
}

using Serving.Api;

namespace Serving.Kubernetes.Informers;

/// <summary>The caches that the process already has, for display. Reading them never watches more.</summary>
public interface IInformerCaches
{
    /// <summary>The states of all informers.</summary>
    IReadOnlyList<InformerState> States { get; }

    /// <summary>The cache of an informer that somebody has requested; null when nobody has.</summary>
    ILister<T>? Find<T>(ResourceType<T> type, string? ns = null, string? labelSelector = null)
        where T : class, IKubernetesObject;
}

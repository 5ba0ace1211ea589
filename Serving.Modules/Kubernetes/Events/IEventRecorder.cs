using Serving.Api;

namespace Serving.Kubernetes.Events;

/// <summary>Records events for people to see in <c>kubectl describe</c>. Never blocks and never throws; repeats are aggregated.</summary>
public interface IEventRecorder
{
    /// <summary>Records that something normal happened to <paramref name="about"/>.</summary>
    void Normal(IKubernetesObject about, string reason, string message);

    /// <summary>Records that something went wrong with <paramref name="about"/>.</summary>
    void Warning(IKubernetesObject about, string reason, string message);
}

using Serving.Api;

namespace Serving.Kubernetes.Events;

/// <summary>Records events for <c>kubectl describe</c>. Never blocks and never throws; repeated events are aggregated.</summary>
public interface IEventRecorder
{
    /// <summary>Records a Normal event of <paramref name="about"/>.</summary>
    void Normal(IKubernetesObject about, string reason, string message);

    /// <summary>Records a Warning event of <paramref name="about"/>.</summary>
    void Warning(IKubernetesObject about, string reason, string message);
}

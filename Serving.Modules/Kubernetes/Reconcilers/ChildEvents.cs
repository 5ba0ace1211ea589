using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>The events by which an owner reports operations on a child, with Knative's texts.</summary>
/// <param name="recorder">Records them.</param>
/// <param name="child">The child's name in the events, such as <c>Ingress "hello"</c>.</param>
public sealed class ChildEvents(IEventRecorder recorder, string child)
{
    /// <summary>The child's name in the event of a failed creation; null for its own name.</summary>
    public string? NotCreated { get; init; }

    /// <summary>Whether an updated specification, or a failed update, is reported.</summary>
    public bool ReportsUpdates { get; init; }

    /// <summary>The operation in the event of a failed update; null for <c>update</c> and the child's name.</summary>
    public string? NotUpdated { get; init; }

    /// <summary>Whether a creation is an event of the child; otherwise of the owner.</summary>
    public bool CreatedIsAboutChild { get; init; }

    internal void Created(IKubernetesObject owner, IKubernetesObject created) =>
        recorder.Normal(CreatedIsAboutChild ? created : owner, "Created", $"Created {child}");

    internal void Refused(IKubernetesObject owner, KubernetesException refusal) =>
        recorder.Warning(owner, "CreationFailed", $"Failed to create {NotCreated ?? child}: {refusal.Status.Message}");

    internal void Updated(IKubernetesObject owner)
    {
        if (ReportsUpdates)
        {
            recorder.Normal(owner, "Updated", $"Updated Spec for {child}");
        }
    }

    internal void UpdateFailed(IKubernetesObject owner, KubernetesException failure)
    {
        if (ReportsUpdates && !failure.IsConflict)
        {
            recorder.Warning(owner, "UpdateFailed", $"Failed to {NotUpdated ?? "update " + child}: {failure.Status.Message}");
        }
    }
}

using Serving.Api;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Events;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>The events by which an owner reports what became of a child, in the words that clients of Knative know.</summary>
/// <param name="recorder">Records them.</param>
/// <param name="child">The child as the events name it, as <c>Ingress "hello"</c>.</param>
public sealed class ChildEvents(IEventRecorder recorder, string child)
{
    /// <summary>What could not be created, as an event names it; null for the child's own name.</summary>
    public string? NotCreated { get; init; }

    /// <summary>Whether a changed specification is reported, and one that could not be changed.</summary>
    public bool ReportsUpdates { get; init; }

    /// <summary>What could not be done when an update fails, as an event says it; null for <c>update</c> and the child's name.</summary>
    public string? NotUpdated { get; init; }

    /// <summary>Whether a creation is an event of the child; else it is one of the owner.</summary>
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

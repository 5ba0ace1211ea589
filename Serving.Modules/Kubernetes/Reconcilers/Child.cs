using Serving.Api;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>A child after it was created or updated.</summary>
/// <param name="Object">The child.</param>
/// <param name="Outcome">What was done.</param>
public readonly record struct Child<T>(T Object, ChildOutcome Outcome)
    where T : class, IKubernetesObject;

/// <summary>What was done, or is about to be done, to a child.</summary>
public enum ChildOutcome
{
    /// <summary>Nothing: it was up to date.</summary>
    Unchanged,

    /// <summary>It was created.</summary>
    Created,

    /// <summary>It existed and was updated.</summary>
    Updated,
}

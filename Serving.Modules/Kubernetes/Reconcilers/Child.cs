using Serving.Api;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>A child as it is after it was brought to what is wanted.</summary>
/// <param name="Object">The child.</param>
/// <param name="Outcome">What was done for it.</param>
public readonly record struct Child<T>(T Object, ChildOutcome Outcome)
    where T : class, IKubernetesObject;

/// <summary>What was done, or is about to be, to bring a child to what is wanted.</summary>
public enum ChildOutcome
{
    /// <summary>Nothing: it was as wanted.</summary>
    Unchanged,

    /// <summary>It was created.</summary>
    Created,

    /// <summary>It was there and was changed.</summary>
    Updated,
}

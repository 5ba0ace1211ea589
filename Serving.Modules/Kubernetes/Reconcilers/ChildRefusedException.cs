using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>The API server refused to create a child for what it is or for who asks: not valid, forbidden, over a quota.</summary>
public sealed class ChildRefusedException : ChildException
{
    /// <summary>The condition reason of a child that could not be created, as Kubernetes' own controllers use it.</summary>
    public const string Reason = "FailedCreate";

    /// <param name="kind">The kind of the child.</param>
    /// <param name="key">The namespace and name of the child.</param>
    /// <param name="refusal">The response of the API server.</param>
    public ChildRefusedException(string kind, ObjectKey key, KubernetesException refusal)
        : base(kind, key, $"failed to create {kind} \"{key.Name}\": {refusal.Status.Message}", refusal) => Refusal = refusal;

    /// <summary>The response of the API server.</summary>
    public KubernetesException Refusal { get; }

    /// <summary>The text of a condition: which object, and the server's own words.</summary>
    public string ConditionMessage => $"Failed to create {Kind} \"{Key.Name}\": {Refusal.Status.Message}";
}

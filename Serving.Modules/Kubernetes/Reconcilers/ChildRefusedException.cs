using Serving.Kubernetes.Client;

namespace Serving.Kubernetes.Reconcilers;

/// <summary>The API server rejected the creation of a child because of its contents or the caller: invalid, forbidden, over a
/// quota.</summary>
public sealed class ChildRefusedException : ChildException
{
    /// <summary>The condition reason for a child that could not be created, as in Kubernetes' own controllers.</summary>
    public const string Reason = "FailedCreate";

    /// <param name="kind">The kind of the child.</param>
    /// <param name="key">The namespace and name of the child.</param>
    /// <param name="refusal">The response of the API server.</param>
    public ChildRefusedException(string kind, ObjectKey key, KubernetesException refusal)
        : base(kind, key, $"failed to create {kind} \"{key.Name}\": {refusal.Status.Message}", refusal) => Refusal = refusal;

    /// <summary>The response of the API server.</summary>
    public KubernetesException Refusal { get; }

    /// <summary>The condition message: the object and the server's message.</summary>
    public string ConditionMessage => $"Failed to create {Kind} \"{Key.Name}\": {Refusal.Status.Message}";
}

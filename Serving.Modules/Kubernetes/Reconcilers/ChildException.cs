namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// A child object cannot be created or updated as its owner needs it, and an immediate retry does not help: the owner's status must report
/// it.
/// </summary>
/// <param name="kind">The kind of the child.</param>
/// <param name="key">The namespace and name of the child.</param>
/// <param name="message">Names the owner, the operation, the object and the cause.</param>
/// <param name="inner">The response of the API server, if it rejected the child.</param>
public abstract class ChildException(string kind, ObjectKey key, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The kind of the child, such as <c>Deployment</c>.</summary>
    public string Kind => kind;

    /// <summary>The namespace and name of the child.</summary>
    public ObjectKey Key => key;
}

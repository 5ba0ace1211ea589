namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// A child object cannot be as its owner needs it, and trying again at once does not help: the status of the owner must say so.
/// </summary>
/// <param name="kind">The kind of the child.</param>
/// <param name="key">The namespace and name of the child.</param>
/// <param name="message">Who wanted what of which object, and why that cannot be.</param>
/// <param name="inner">The response of the API server, if it refused.</param>
public abstract class ChildException(string kind, ObjectKey key, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The kind of the child, as <c>Deployment</c>.</summary>
    public string Kind => kind;

    /// <summary>The namespace and name of the child.</summary>
    public ObjectKey Key => key;
}

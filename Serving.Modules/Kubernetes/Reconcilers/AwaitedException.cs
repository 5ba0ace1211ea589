namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// A prerequisite of a reconcile does not exist yet, such as an object that another controller is about to create or that the cache does
/// not show yet. It is retried like any failure; it is logged as a warning only when it lasts, since at first it is the normal order of
/// events.
/// </summary>
public sealed class AwaitedException : InvalidOperationException
{
    /// <param name="message">What is missing, and for what.</param>
    public AwaitedException(string message)
        : base(message) { }
}

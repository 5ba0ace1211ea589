namespace Serving.Kubernetes.Reconcilers;

/// <summary>
/// What a reconcile needs is not there yet, as an object that another controller is about to make or that a cache does not show yet. It is
/// tried again like any failure; it is a warning only when it lasts, since at first it is the normal order of events.
/// </summary>
public sealed class AwaitedException : InvalidOperationException
{
    /// <param name="message">What is missing, and for what.</param>
    public AwaitedException(string message)
        : base(message) { }
}

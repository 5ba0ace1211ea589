namespace Serving.Kubernetes.Leadership;

/// <summary>A write was refused because the Lease it depends on is not ours any more. The term is over; nothing is to be retried.</summary>
public sealed class LeaseLostException : OperationCanceledException
{
    /// <param name="lease">The name of the Lease.</param>
    /// <param name="token">The term's token.</param>
    public LeaseLostException(string lease, CancellationToken token)
        : base($"the lease {lease} is no longer held", token) { }
}

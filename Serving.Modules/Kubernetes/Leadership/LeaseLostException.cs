namespace Serving.Kubernetes.Leadership;

/// <summary>A write was rejected because its Lease is no longer ours. The term has ended; nothing must be retried.</summary>
public sealed class LeaseLostException : OperationCanceledException
{
    /// <param name="lease">The name of the Lease.</param>
    /// <param name="token">The term's token.</param>
    public LeaseLostException(string lease, CancellationToken token)
        : base($"the lease {lease} is no longer held", token) { }
}

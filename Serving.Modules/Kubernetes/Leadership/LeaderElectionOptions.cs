namespace Serving.Kubernetes.Leadership;

/// <summary>Identity and times of Leases. Invariant: retry period &lt; renew deadline &lt; lease duration.</summary>
/// <param name="Namespace">The namespace of the Leases.</param>
/// <param name="Identity">The holder identity; unique among replicas.</param>
public sealed record LeaderElectionOptions(string Namespace, string Identity)
{
    /// <summary>How long other candidates wait after the last renewal they observed.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>How long after its last renewal the holder stops writing.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(40);

    /// <summary>How often the holder renews and other candidates check.</summary>
    public TimeSpan RetryPeriod { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Throws <see cref="ArgumentException"/> when the times violate the invariant.</summary>
    public void Validate()
    {
        if (RetryPeriod <= TimeSpan.Zero || RenewDeadline <= RetryPeriod || LeaseDuration <= RenewDeadline)
        {
            throw new ArgumentException(
                $"lease-duration ({LeaseDuration}) must be longer than renew-deadline ({RenewDeadline}), and that longer than retry-period ({RetryPeriod})"
            );
        }
    }
}

namespace Serving.Host.Health;

/// <summary>What the probes of the process ask; each answer is made from what is known, and never waits.</summary>
internal interface IProcessHealth
{
    /// <summary>Whether the process may get traffic.</summary>
    IReadOnlyList<HealthCheck> Readiness { get; }

    /// <summary>Whether its loops turn; what is wrong here only a restart mends.</summary>
    IReadOnlyList<HealthCheck> Liveness { get; }
}

namespace Serving.Host.Health;

/// <summary>The health that the probes report. It is read from current state and never waits.</summary>
internal interface IProcessHealth
{
    /// <summary>The names of all parts, in listing order.</summary>
    IReadOnlyList<string> Parts { get; }

    /// <summary>Whether a part may receive traffic; null while it has no readiness.</summary>
    PartHealth? Readiness(string part);

    /// <summary>Whether the loops of a part make progress; a failure here is fixed only by a restart. Null while it has no
    /// liveness.</summary>
    PartHealth? Liveness(string part);
}

namespace Serving.Host.Health;

/// <summary>What the probes of the process ask; each part is told from what is known, and never waits.</summary>
internal interface IProcessHealth
{
    /// <summary>The names of all parts, in the order in which they are listed.</summary>
    IReadOnlyList<string> Parts { get; }

    /// <summary>Whether a part may get traffic; null while it is not asked.</summary>
    PartHealth? Readiness(string part);

    /// <summary>Whether the loops of a part turn; what is wrong here only a restart fixes. Null while it is not asked.</summary>
    PartHealth? Liveness(string part);
}

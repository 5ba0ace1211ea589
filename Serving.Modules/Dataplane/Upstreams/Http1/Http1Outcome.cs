namespace Serving.Dataplane.Http1;

/// <summary>How an exchange on one connection ended.</summary>
internal enum Http1Outcome
{
    /// <summary>The answer was copied whole.</summary>
    Done,

    /// <summary>The connection ended before a byte of the answer came, as idle ones do.</summary>
    Stale,

    /// <summary>It failed on the way.</summary>
    Failed,

    /// <summary>The client or the caller gave up.</summary>
    Canceled,
}

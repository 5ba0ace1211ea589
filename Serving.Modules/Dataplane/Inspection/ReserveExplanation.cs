namespace Serving.Dataplane.Inspection;

/// <summary>The pods that a revision keeps parked while it is idle.</summary>
/// <param name="Scale">The number that its settings ask for.</param>
/// <param name="Keeps">The number that it keeps; 0 while something else forbids it.</param>
/// <param name="Parked">The number that is parked now.</param>
/// <param name="After">The time without requests after which pods are parked.</param>
/// <param name="ParkedSize">What a parked pod requests; empty when nothing can be lowered.</param>
/// <param name="FullSize">What the same pod requests otherwise; empty when nothing can be lowered.</param>
/// <param name="Reason">The reason of the condition Parked; empty before it was reported.</param>
/// <param name="Message">Its message, or why no pods are kept.</param>
public sealed record ReserveExplanation(
    int Scale,
    int Keeps,
    int Parked,
    TimeSpan After,
    string ParkedSize,
    string FullSize,
    string Reason,
    string Message
);

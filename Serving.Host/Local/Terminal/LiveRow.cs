namespace Serving.Host.Local.Terminal;

/// <summary>A row of the live view.</summary>
/// <param name="Row">What there is.</param>
/// <param name="Rate">Requests a second since the last look.</param>
internal readonly record struct LiveRow(RevisionRow Row, double Rate);

namespace Serving.Host.Local.Terminal;

/// <summary>A row of the live view.</summary>
/// <param name="Row">The revision.</param>
/// <param name="Rate">Requests per second since the last frame.</param>
internal readonly record struct LiveRow(RevisionRow Row, double Rate);

namespace Serving.StatusPages.Models;

/// <summary>A traffic target of a Service.</summary>
/// <param name="Revision">The revision.</param>
/// <param name="Percent">Its share, 0 to 100; null for none.</param>
/// <param name="Tag">The tag; empty for none.</param>
/// <param name="Url">The URL of the tag; empty for none.</param>
/// <param name="IsLatest">Whether it follows the latest ready revision.</param>
public sealed record TrafficRow(string Revision, long? Percent, string Tag, string Url, bool IsLatest);

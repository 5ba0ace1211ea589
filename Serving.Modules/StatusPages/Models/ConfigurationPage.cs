using Serving.ConfigMaps;

namespace Serving.StatusPages.Models;

/// <summary>The configuration in force, with secrets redacted.</summary>
public sealed record ConfigurationPage : StatusPage
{
    /// <summary>The ConfigMaps.</summary>
    public required IReadOnlyList<ConfigMapState> ConfigMaps { get; init; }
}

using Serving.ConfigMaps;
using Serving.StatusPages.Sources;

namespace Serving.StatusPages.Models;

/// <summary>The configuration in force, with secrets redacted.</summary>
public sealed record ConfigurationPage : StatusPage
{
    /// <summary>The settings of the process, from its command line, its environment and its file.</summary>
    public required IReadOnlyList<ProcessSetting> Settings { get; init; }

    /// <summary>The ConfigMaps.</summary>
    public required IReadOnlyList<ConfigMapState> ConfigMaps { get; init; }
}

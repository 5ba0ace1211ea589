namespace Serving.Controller.Routes.Traffic;

/// <summary>A share of traffic, resolved to its Revision.</summary>
/// <param name="Tag">The tag; empty for none.</param>
/// <param name="RevisionName">The Revision.</param>
/// <param name="ConfigurationName">The Configuration that the target names; empty for none.</param>
/// <param name="LatestRevision">Whether the target follows the Configuration.</param>
/// <param name="Percent">0 to 100.</param>
/// <param name="Protocol"><c>http1</c> or <c>h2c</c>.</param>
internal sealed record RevisionTarget(
    string Tag,
    string RevisionName,
    string ConfigurationName,
    bool? LatestRevision,
    long Percent,
    string Protocol
);

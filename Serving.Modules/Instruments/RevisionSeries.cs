namespace Serving.Instruments;

/// <summary>The lifetime of series per Revision: those with the tags <see cref="RevisionNames.Namespace"/> and <see cref="RevisionNames.Revision"/>.</summary>
/// <param name="exists">Whether a Revision exists, by namespace and name.</param>
public sealed class RevisionSeries(Func<string, string, bool> exists) : ISeriesLifetime
{
    /// <summary>The lifetime of series that only observable instruments have: they report the revisions that exist.</summary>
    public static RevisionSeries Observed { get; } = new(static (_, _) => true);

    /// <inheritdoc/>
    public bool IsCurrent(ReadOnlySpan<KeyValuePair<string, object?>> tags) =>
        Find(tags, RevisionNames.Namespace.Name) is not { } ns
        || Find(tags, RevisionNames.Revision.Name) is not { } revision
        || exists(ns, revision);

    /// <summary>The text of a tag; null when there is none.</summary>
    public static string? Find(ReadOnlySpan<KeyValuePair<string, object?>> tags, string key)
    {
        foreach (var tag in tags)
        {
            if (tag.Key == key)
            {
                return tag.Value as string;
            }
        }

        return null;
    }
}

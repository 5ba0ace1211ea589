using Serving.Instruments;

namespace Serving.Autoscaler.Collection;

/// <summary>The Configurations of the revisions that this process scrapes: the lifetime of the series of scrapes.</summary>
internal sealed class ScrapedConfigurations : ISeriesLifetime
{
    private readonly Lock _gate = new();
    private readonly Dictionary<ScrapedConfiguration, int> _revisions = [];

    /// <summary>One more revision of it is scraped.</summary>
    public void Add(ScrapedConfiguration owner)
    {
        lock (_gate)
            _revisions[owner] = _revisions.GetValueOrDefault(owner) + 1;
    }

    /// <summary>One revision of it is no longer scraped.</summary>
    public void Remove(ScrapedConfiguration owner)
    {
        lock (_gate)
        {
            if (_revisions[owner] > 1)
            {
                _revisions[owner]--;
                return;
            }

            _revisions.Remove(owner);
        }

        EndedSeries.Add();
    }

    /// <inheritdoc/>
    public bool IsCurrent(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        if (ScrapedConfiguration.Of(tags) is not { } owner)
            return true;
        lock (_gate)
            return _revisions.ContainsKey(owner);
    }
}

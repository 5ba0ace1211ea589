namespace Serving.Networking.Gateway.Routing;

/// <summary>
/// Routes by name, case-insensitively, in a fixed number of dictionaries. Immutable: a change copies only the dictionaries of its names, so
/// that its cost does not grow with the number of all names, and a look-up costs one hash more than in a single dictionary.
/// </summary>
internal sealed class HostShards
{
    private const int Count = 256;

    private static readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> EmptyShard = Lookup(
        new Dictionary<string, HostRoutes>(StringComparer.OrdinalIgnoreCase)
    );

    private readonly Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>>[] _shards;

    private HostShards(Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>>[] shards)
    {
        _shards = shards;
        IsEmpty = Array.TrueForAll(shards, static shard => shard.Dictionary.Count == 0);
    }

    /// <summary>No names.</summary>
    public static HostShards Empty { get; } = new([.. Enumerable.Repeat(EmptyShard, Count)]);

    /// <summary>Whether there is no name.</summary>
    public bool IsEmpty { get; }

    /// <summary>The routes of a name; null when it is unknown.</summary>
    public HostRoutes? Find(ReadOnlySpan<char> name) => _shards[IndexOf(name)].TryGetValue(name, out var routes) ? routes : null;

    /// <summary>The same names with changes; null removes a name.</summary>
    public HostShards With(IReadOnlyCollection<KeyValuePair<string, HostRoutes?>> changes)
    {
        if (changes.Count == 0)
        {
            return this;
        }

        var next = _shards.AsSpan().ToArray();
        foreach (var shard in changes.GroupBy(static change => IndexOf(change.Key)))
        {
            var copy = new Dictionary<string, HostRoutes>(next[shard.Key].Dictionary, StringComparer.OrdinalIgnoreCase);
            foreach (var (name, routes) in shard)
            {
                if (routes is null)
                {
                    copy.Remove(name);
                }
                else
                {
                    copy[name] = routes;
                }
            }

            next[shard.Key] = copy.Count == 0 ? EmptyShard : Lookup(copy);
        }

        return new HostShards(next);
    }

    private static int IndexOf(ReadOnlySpan<char> name) => string.GetHashCode(name, StringComparison.OrdinalIgnoreCase) & (Count - 1);

    private static Dictionary<string, HostRoutes>.AlternateLookup<ReadOnlySpan<char>> Lookup(Dictionary<string, HostRoutes> shard) =>
        shard.GetAlternateLookup<ReadOnlySpan<char>>();
}

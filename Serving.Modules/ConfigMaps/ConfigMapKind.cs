using Serving.Api.Config;

namespace Serving.ConfigMaps;

/// <summary>A known ConfigMap: its name, and how it changes a snapshot.</summary>
/// <param name="Name">The ConfigMap's name.</param>
/// <param name="Apply">Applies the ConfigMap's data to a snapshot; throws <see cref="ConfigMapException"/>. The text is the cluster's
/// domain.</param>
public sealed record ConfigMapKind(string Name, Func<ConfigSnapshot, IReadOnlyDictionary<string, string>, string, ConfigSnapshot> Apply)
{
    /// <summary>Finds the keys that have no effect in valid data; null where every key has one, or where nobody looks.</summary>
    public Func<IReadOnlyDictionary<string, string>, IEnumerable<string>>? Unused { get; init; }

    /// <summary>A warning for each key without effect. Keys that begin with an underscore are examples.</summary>
    /// <param name="data">Valid data.</param>
    internal IEnumerable<string> WarningsOf(IReadOnlyDictionary<string, string> data) =>
        (Unused?.Invoke(data) ?? [])
            .Where(static key => !key.StartsWith('_'))
            .Order(StringComparer.Ordinal)
            .Select(key => $"key {GoValues.Quote(key)} of {Name} has no effect: correct or remove it");
}

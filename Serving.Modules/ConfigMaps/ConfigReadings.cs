using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Serving.ConfigMaps;

/// <summary>
/// The data of a ConfigMap that records which keys a parser reads and what it makes of them, so that the configuration in force is shown
/// under the keys of the ConfigMap and without a second list of them.
/// </summary>
/// <param name="data">The data.</param>
internal sealed class ConfigReadings(IReadOnlyDictionary<string, string> data) : IReadOnlyDictionary<string, string>
{
    private readonly List<string> _order = [];
    private readonly Dictionary<string, string?> _parsed = new(StringComparer.Ordinal);

    public IEnumerable<string> Keys => data.Keys;

    public IEnumerable<string> Values => data.Values;

    public int Count => data.Count;

    public string this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

    public bool ContainsKey(string key)
    {
        Ask(key);
        return data.ContainsKey(key);
    }

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string value)
    {
        Ask(key);
        return data.TryGetValue(key, out value);
    }

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => data.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Records the parsed value of a key.</summary>
    public void Note<T>(string key, T value)
    {
        Ask(key);
        _parsed[key] = Text(value);
    }

    /// <summary>The settings in the order in which they were read; keys that the parser reads by their pattern, such as domains, come last.
    /// An older spelling of a key is left out unless the ConfigMap uses it.</summary>
    public IReadOnlyList<ConfigValue> Settings()
    {
        var settings = new List<ConfigValue>();
        var spelled = new HashSet<string>(StringComparer.OrdinalIgnoreCase);
        foreach (var key in _order.OrderBy(key => data.ContainsKey(key) ? 0 : 1).ThenBy(key => key.Contains('-') ? 0 : 1))
        {
            if (key != ExampleBlock.Key && spelled.Add(key.Replace("-", "", StringComparison.Ordinal)))
            {
                var isSet = data.TryGetValue(key, out var raw);
                settings.Add(new ConfigValue(key, _parsed.GetValueOrDefault(key) ?? raw ?? "", !isSet));
            }
        }

        settings.Sort((a, b) => _order.IndexOf(a.Key).CompareTo(_order.IndexOf(b.Key)));
        settings.AddRange(
            data.Where(pair => pair.Key != ExampleBlock.Key && !_order.Contains(pair.Key))
                .OrderBy(pair => pair.Key, StringComparer.Ordinal)
                .Select(pair => new ConfigValue(pair.Key, pair.Value, IsDefault: false))
        );
        return settings;
    }

    /// <summary>The keys that the parser did not ask for.</summary>
    public IEnumerable<string> Unread() => data.Keys.Where(key => !_parsed.ContainsKey(key));

    private static string? Text<T>(T value) =>
        value switch
        {
            null => null,
            string text => text,
            bool flag => flag ? "true" : "false",
            TimeSpan time => GoValues.Format(time),
            double number => GoValues.Format(number),
            Enum choice => choice.ToString().ToLowerInvariant(),
            IEnumerable<string> items => string.Join(", ", items.Order(StringComparer.Ordinal)),
            IFormattable formattable => formattable.ToString(null, CultureInfo.InvariantCulture),
            _ => value.ToString(),
        };

    private void Ask(string key)
    {
        if (_parsed.TryAdd(key, null))
        {
            _order.Add(key);
        }
    }
}

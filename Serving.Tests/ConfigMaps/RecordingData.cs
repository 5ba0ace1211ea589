using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace Serving.Tests.ConfigMaps;

/// <summary>Data of a ConfigMap that records which keys are read: a parser supports exactly the keys that it reads.</summary>
internal sealed class RecordingData(IReadOnlyDictionary<string, string> data) : IReadOnlyDictionary<string, string>
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    public IReadOnlySet<string> Asked => _asked;

    public IEnumerable<string> Keys => data.Keys;

    public IEnumerable<string> Values => data.Values;

    public int Count => data.Count;

    public string this[string key] => TryGetValue(key, out var value) ? value : throw new KeyNotFoundException(key);

    public bool ContainsKey(string key)
    {
        _asked.Add(key);
        return data.ContainsKey(key);
    }

    public bool TryGetValue(string key, [MaybeNullWhen(false)] out string value)
    {
        _asked.Add(key);
        return data.TryGetValue(key, out value);
    }

    public IEnumerator<KeyValuePair<string, string>> GetEnumerator() => data.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}

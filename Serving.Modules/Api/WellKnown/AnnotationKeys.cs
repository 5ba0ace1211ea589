namespace Serving.Api.WellKnown;

/// <summary>The spellings of an annotation, in order of precedence.</summary>
public sealed class AnnotationKeys
{
    private readonly string[] _keys;

    /// <param name="keys">The spellings, in order of precedence.</param>
    public AnnotationKeys(params string[] keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        _keys = keys;
    }

    /// <summary>The preferred spelling.</summary>
    public string Key => _keys[0];

    /// <summary>All spellings, in order of precedence.</summary>
    public IReadOnlyList<string> All => _keys;

    /// <summary>The spelling in use and its value, or null.</summary>
    public KeyValuePair<string, string>? Find(IReadOnlyDictionary<string, string> annotations)
    {
        ArgumentNullException.ThrowIfNull(annotations);
        foreach (var key in _keys)
        {
            if (annotations.TryGetValue(key, out var value))
            {
                return new(key, value);
            }
        }

        return null;
    }

    /// <summary>The value, or null if no spelling is present.</summary>
    public string? Value(IReadOnlyDictionary<string, string> annotations) => Find(annotations)?.Value;
}

namespace Serving.Api.WellKnown;

/// <summary>The spellings of one annotation, the one that wins first.</summary>
public sealed class AnnotationKeys
{
    private readonly string[] keys;

    /// <param name="keys">The spellings, by priority.</param>
    public AnnotationKeys(params string[] keys)
    {
        ArgumentNullException.ThrowIfNull(keys);
        this.keys = keys;
    }

    /// <summary>The spelling that wins.</summary>
    public string Key => keys[0];

    /// <summary>All spellings, by priority.</summary>
    public IReadOnlyList<string> All => keys;

    /// <summary>The spelling that is there and its value, or null.</summary>
    public KeyValuePair<string, string>? Find(IReadOnlyDictionary<string, string> annotations)
    {
        ArgumentNullException.ThrowIfNull(annotations);
        foreach (var key in keys)
        {
            if (annotations.TryGetValue(key, out var value))
            {
                return new(key, value);
            }
        }

        return null;
    }

    /// <summary>The value, or null when no spelling is there.</summary>
    public string? Value(IReadOnlyDictionary<string, string> annotations) => Find(annotations)?.Value;
}

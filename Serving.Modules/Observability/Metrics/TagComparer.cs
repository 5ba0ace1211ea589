using System.Diagnostics.CodeAnalysis;
using System.Numerics;

namespace Serving.Observability.Metrics;

/// <summary>Compares sets of tags, in their order. Looks up a span of tags without allocating.</summary>
internal sealed class TagComparer
    : IEqualityComparer<KeyValuePair<string, object?>[]>,
        IAlternateEqualityComparer<ReadOnlySpan<KeyValuePair<string, object?>>, KeyValuePair<string, object?>[]>
{
    public static TagComparer Instance { get; } = new();

    public bool Equals(KeyValuePair<string, object?>[]? one, KeyValuePair<string, object?>[]? other) =>
        ReferenceEquals(one, other)
        || (one is not null && other is not null && Equals((ReadOnlySpan<KeyValuePair<string, object?>>)one, other));

    public int GetHashCode([DisallowNull] KeyValuePair<string, object?>[] tags) =>
        GetHashCode((ReadOnlySpan<KeyValuePair<string, object?>>)tags);

    public bool Equals(ReadOnlySpan<KeyValuePair<string, object?>> candidate, KeyValuePair<string, object?>[] tags)
    {
        if (candidate.Length != tags.Length)
        {
            return false;
        }

        for (var i = 0; i < tags.Length; i++)
        {
            if (
                !string.Equals(tags[i].Key, candidate[i].Key, StringComparison.Ordinal) || !object.Equals(tags[i].Value, candidate[i].Value)
            )
            {
                return false;
            }
        }

        return true;
    }

    // Keys are few and mostly the same, so only the values are hashed.
    public int GetHashCode(ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var hash = tags.Length;
        foreach (var tag in tags)
        {
            hash = (int)BitOperations.RotateLeft((uint)hash, 5) ^ (tag.Value?.GetHashCode() ?? 0);
        }

        return hash;
    }

    public KeyValuePair<string, object?>[] Create(ReadOnlySpan<KeyValuePair<string, object?>> tags) => tags.ToArray();
}

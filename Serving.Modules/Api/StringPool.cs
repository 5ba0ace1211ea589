using System.Buffers.Binary;
using System.Text;

namespace Serving.Api;

/// <summary>
/// Strings that documents repeat: keys of labels, types and states of conditions, names of namespaces and owners. Thousands of cached
/// objects then share one instance. Invariant: its size is fixed; a new string replaces another one of the same slot. Thread-safe without
/// locks: a lost race costs a second instance.
/// </summary>
public static class StringPool
{
    /// <summary>The longest string, in characters, that is kept.</summary>
    public const int Longest = 64;

    private const int Slots = 8192;

    private static readonly string?[] Kept = new string?[Slots];

    /// <summary>The string with these ASCII characters; null when they are too many, or not ASCII.</summary>
    public static string? Find(ReadOnlySpan<byte> text)
    {
        if (text.Length > Longest)
        {
            return null;
        }

        ref var slot = ref Kept[Hash(text) % Slots];
        if (slot is { } known && Ascii.Equals(text, known))
        {
            return known;
        }

        return Ascii.IsValid(text) ? slot = Encoding.ASCII.GetString(text) : null;
    }

    private static uint Hash(ReadOnlySpan<byte> text)
    {
        const ulong Prime = 0x9E3779B97F4A7C15;
        var hash = (ulong)text.Length;
        for (; text.Length >= sizeof(ulong); text = text[sizeof(ulong)..])
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(text)) * Prime;
            hash ^= hash >> 32;
        }

        foreach (var character in text)
        {
            hash = (hash ^ character) * Prime;
        }

        return (uint)(hash >> 32);
    }
}

using System.Text;

namespace Serving.Api;

/// <summary>The hash FNV-1a of the UTF-8 bytes of a text: short, and unlike <see cref="string.GetHashCode()"/> the same in every
/// process.</summary>
public static class Fnv1a
{
    /// <summary>The start of the 32-bit hash.</summary>
    public const uint Offset32 = 2166136261;

    /// <summary>The prime of the 32-bit hash.</summary>
    public const uint Prime32 = 16777619;

    private const ulong Offset64 = 14695981039346656037;
    private const ulong Prime64 = 1099511628211;
    private const int MostOnStack = 512;

    /// <summary>The 32-bit hash.</summary>
    public static uint Hash32(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var hash = Offset32;
        var most = Encoding.UTF8.GetMaxByteCount(text.Length);
        var bytes = most <= MostOnStack ? stackalloc byte[MostOnStack] : new byte[most];
        foreach (var value in bytes[..Encoding.UTF8.GetBytes(text, bytes)])
            hash = unchecked((hash ^ value) * Prime32);
        return hash;
    }

    /// <summary>The 64-bit hash.</summary>
    public static ulong Hash64(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var hash = Offset64;
        foreach (var value in Encoding.UTF8.GetBytes(text))
            hash = unchecked((hash ^ value) * Prime64);
        return hash;
    }
}

using System.Buffers;

namespace Serving.Api.Validation;

/// <summary>Validates container image references: an optional registry, a repository, and a tag or a digest.</summary>
public static class ImageReference
{
    private const string DigestPrefix = "sha256:";
    private static readonly SearchValues<char> Hex = SearchValues.Create("0123456789abcdef");

    /// <summary>Whether <paramref name="image"/> is a valid image reference.</summary>
    public static bool IsValid(string image) => IsTagged(image) || IsDigest(image);

    private static bool IsDigest(string image)
    {
        var parts = image.Split('@');
        return parts.Length == 2
            && parts[1].StartsWith(DigestPrefix, StringComparison.Ordinal)
            && parts[1].Length == DigestPrefix.Length + 64
            && parts[1].AsSpan(DigestPrefix.Length).IndexOfAnyExcept(Hex) < 0
            && (IsTagged(parts[0]) || IsRepository(parts[0]));
    }

    private static bool IsTagged(string image)
    {
        var colon = image.LastIndexOf(':');
        if (colon < 0 || image.IndexOf('/', colon) >= 0)
        {
            return IsRepository(image);
        }

        var tag = image[(colon + 1)..];
        return tag.Length <= 128 && tag.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.') && IsRepository(image[..colon]);
    }

    private static bool IsRepository(string name)
    {
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var registry = slash >= 0 && name.AsSpan(0, slash).IndexOfAny('.', ':') >= 0 ? name[..slash] : "";
        var repository = registry.Length > 0 ? name[(slash + 1)..] : name;
        return repository.Length is >= 2 and <= 255
            && repository.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '_' or '-' or '.' or '/')
            && IsAuthority(registry);
    }

    // A host with an optional port.
    private static bool IsAuthority(string registry)
    {
        if (registry.Length == 0)
        {
            return true;
        }

        var colon = registry.LastIndexOf(':');
        var host = colon >= 0 && !registry.EndsWith(']') ? registry[..colon] : registry;
        var port = host.Length == registry.Length ? "" : registry[(colon + 1)..];
        return port.All(char.IsAsciiDigit)
            && host.All(c => c < 0x80 ? char.IsAsciiLetterOrDigit(c) || "-._~!$&'()*+,;=[]:".Contains(c, StringComparison.Ordinal) : true);
    }
}

using System.IO.Enumeration;
using System.Security.Cryptography;
using System.Text;

namespace Serving.LocalCluster.Node;

/// <summary>
/// Maps images to programs, because the local node runs programs of this machine and pulls nothing. Entries
/// are <c>GLOB=COMMAND</c>; the last match wins, so that a user's entries override the built-in ones before them.
/// </summary>
public sealed class ImageMap
{
    private readonly List<Entry> _entries = [];

    /// <summary>A map of entries in order. Throws <see cref="FormatException"/> when one is not <c>GLOB=COMMAND</c>.</summary>
    public ImageMap(params IEnumerable<string> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        foreach (var entry in entries)
        {
            Add(entry);
        }
    }

    /// <summary>
    /// Adds <c>GLOB=COMMAND</c>, which takes precedence over all earlier entries. In the glob <c>*</c> matches any characters,
    /// and it is matched against the image with and without its registry, tag and digest. The command is split as by a
    /// shell. Throws <see cref="FormatException"/> when the text is not of that form.
    /// </summary>
    public void Add(string entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        var at = entry.IndexOf('=', StringComparison.Ordinal);
        var words = at > 0 ? ShellWords.Split(entry[(at + 1)..]) : [];
        if (words.Count == 0)
        {
            throw new FormatException(
                $"\"{entry}\" is not an image map entry: expected GLOB=COMMAND, as in '*/hello=/usr/bin/hello --flag'"
            );
        }

        _entries.Add(new Entry(entry[..at].Trim(), words));
    }

    /// <summary>The command for <paramref name="image"/>, or null when no entry matches.</summary>
    public IReadOnlyList<string>? Resolve(string image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var names = NamesOf(image);
        for (var i = _entries.Count - 1; i >= 0; i--)
        {
            if (names.Any(name => FileSystemName.MatchesSimpleExpression(_entries[i].Glob, name, ignoreCase: false)))
            {
                return _entries[i].Command;
            }
        }

        return null;
    }

    /// <summary>A stable image id in the format of a container runtime: the digest of the reference, else a hash of its name.</summary>
    public static string ImageId(string image)
    {
        ArgumentNullException.ThrowIfNull(image);
        var (name, tag, digest) = Parse(image);
        digest ??= "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Canonical(name)}:{tag ?? "latest"}")));
        return $"{Canonical(name)}@{digest}";
    }

    private static HashSet<string> NamesOf(string image)
    {
        var (name, tag, digest) = Parse(image);
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var path in (string[])[name, Canonical(name), WithoutRegistry(name)])
        {
            names.Add(path);
            names.Add(tag is null ? path : $"{path}:{tag}");
            names.Add(digest is null ? path : $"{path}@{digest}");
        }

        names.Add(image);
        return names;
    }

    private static (string Name, string? Tag, string? Digest) Parse(string image)
    {
        var at = image.IndexOf('@', StringComparison.Ordinal);
        var digest = at < 0 ? null : image[(at + 1)..];
        var name = at < 0 ? image : image[..at];
        var colon = name.LastIndexOf(':');
        return colon > name.LastIndexOf('/') ? (name[..colon], name[(colon + 1)..], digest) : (name, null, digest);
    }

    // The first part is a registry when it looks like a host: the rule of the image reference grammar.
    private static bool HasRegistry(string name, out int slash)
    {
        slash = name.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && (name.AsSpan(0, slash).IndexOfAny('.', ':') >= 0 || name.AsSpan(0, slash).SequenceEqual("localhost"));
    }

    private static string WithoutRegistry(string name) => HasRegistry(name, out var slash) ? name[(slash + 1)..] : name;

    private static string Canonical(string name) =>
        HasRegistry(name, out var slash) ? name
        : slash > 0 ? $"docker.io/{name}"
        : $"docker.io/library/{name}";

    private sealed record Entry(string Glob, IReadOnlyList<string> Command);
}

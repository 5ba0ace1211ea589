using System.Buffers;
using System.Net;

namespace Serving.Controller.Revisions.Digests;

/// <summary>A parsed image reference.</summary>
/// <param name="Registry">The host, such as <c>gcr.io</c>; Docker Hub's is <c>index.docker.io</c>.</param>
/// <param name="Repository">The path within, such as <c>library/busybox</c>.</param>
/// <param name="Tag">The tag; <c>latest</c> when there is neither tag nor digest, empty when there is a digest.</param>
/// <param name="Digest">The digest, or empty.</param>
internal sealed record ImageReference(string Registry, string Repository, string Tag, string Digest)
{
    public const string DockerHub = "index.docker.io";

    private const string TagCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-.ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    private const string RepositoryCharacters = "abcdefghijklmnopqrstuvwxyz0123456789_-./";
    private static readonly SearchValues<char> InTags = SearchValues.Create(TagCharacters);
    private static readonly SearchValues<char> InRepositories = SearchValues.Create(RepositoryCharacters);
    private static readonly SearchValues<char> Hexadecimal = SearchValues.Create("0123456789abcdef");
    private static readonly IPNetwork[] PrivateNetworks =
    [
        IPNetwork.Parse("10.0.0.0/8"),
        IPNetwork.Parse("172.16.0.0/12"),
        IPNetwork.Parse("192.168.0.0/16"),
    ];

    /// <summary>Registry and repository, as in pull secrets.</summary>
    public string Name => $"{Registry}/{Repository}";

    /// <summary>Whether the registry may be accessed without TLS: hosts of this machine, of private networks and of <c>.local</c>
    /// names.</summary>
    public bool AllowsPlainHttp
    {
        get
        {
            var host = HostOf(Registry);
            return host is "localhost" or "127.0.0.1" or "[::1]"
                || host.EndsWith(".local", StringComparison.Ordinal)
                || host.EndsWith(".localhost", StringComparison.Ordinal)
                || (
                    IPAddress.TryParse(host, out var address)
                    && (IPAddress.IsLoopback(address) || PrivateNetworks.Any(network => network.Contains(address)))
                );
        }
    }

    /// <summary>Parses a reference; a <see cref="FormatException"/> says what is wrong with it.</summary>
    public static ImageReference Parse(string image)
    {
        var at = image.IndexOf('@', StringComparison.Ordinal);
        var digest = at >= 0 ? image[(at + 1)..] : "";
        if (at >= 0 && !IsDigest(digest))
        {
            throw new FormatException($"failed to parse image name \"{image}\" into a tag: unsupported digest: {digest}");
        }

        var name = at >= 0 ? image[..at] : image;
        var colon = name.LastIndexOf(':');
        var tag = "";
        if (colon > name.LastIndexOf('/'))
        {
            tag = name[(colon + 1)..];
            name = name[..colon];
        }

        // The first part is a host only when it has a dot or a port; otherwise the name is a path on Docker Hub.
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        var first = slash > 0 ? name[..slash] : "";
        var hasRegistry = first.AsSpan().IndexOfAny('.', ':') >= 0;
        var registry = hasRegistry && first != "docker.io" ? first : DockerHub;
        var repository = hasRegistry ? name[(slash + 1)..] : name;
        if (
            !Uri.TryCreate($"https://{registry}/", UriKind.Absolute, out var address)
            || address.UserInfo.Length > 0
            || address.AbsolutePath != "/"
        )
        {
            throw new FormatException(
                $"failed to parse image name \"{image}\" into a tag: registries must be valid RFC 3986 URI authorities: {registry}"
            );
        }

        Check(image, "repository", repository, InRepositories, RepositoryCharacters, 2, 255);
        if (tag.Length > 0)
        {
            Check(image, "tag", tag, InTags, TagCharacters, 1, 128);
        }

        if (registry == DockerHub && !repository.Contains('/', StringComparison.Ordinal))
        {
            repository = "library/" + repository;
        }

        return new ImageReference(
            registry,
            repository,
            digest.Length > 0 ? ""
                : tag.Length > 0 ? tag
                : "latest",
            digest
        );
    }

    /// <summary>Whether this is a complete SHA-256 digest.</summary>
    public static bool IsDigest(string value) =>
        value.Length == 71 && value.StartsWith("sha256:", StringComparison.Ordinal) && !value.AsSpan(7).ContainsAnyExcept(Hexadecimal);

    /// <summary>The reference with this digest in place of the tag.</summary>
    public string WithDigest(string digest) => $"{Name}@{digest}";

    private static string HostOf(string registry)
    {
        var colon = registry.LastIndexOf(':');
        return colon > registry.LastIndexOf(']') ? registry[..colon] : registry;
    }

    private static void Check(
        string image,
        string what,
        string value,
        SearchValues<char> allowed,
        string characters,
        int shortest,
        int longest
    )
    {
        if (value.Length < shortest || value.Length > longest)
        {
            throw new FormatException(
                $"failed to parse image name \"{image}\" into a tag: {what} must be between {shortest} and {longest} characters in length: {value}"
            );
        }

        if (value.AsSpan().ContainsAnyExcept(allowed))
        {
            throw new FormatException(
                $"failed to parse image name \"{image}\" into a tag: {what} can only contain the characters `{characters}`: {value}"
            );
        }
    }
}

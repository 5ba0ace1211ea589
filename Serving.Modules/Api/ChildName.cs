using System.Security.Cryptography;
using System.Text;

namespace Serving.Api;

/// <summary>Derives the names of children from their parent's within the 63 characters of a Kubernetes name, like Knative's own
/// <c>kmeta.ChildName</c>.</summary>
public static class ChildName
{
    private const int Longest = 63;
    private const int Head = Longest - (2 * 16);

    /// <summary>The name of a revision's private Service, from the name of its ServerlessService.</summary>
    public static string PrivateService(string serverlessService) => Of(serverlessService, "-private");

    /// <summary>
    /// <paramref name="parent"/> followed by <paramref name="suffix"/>; if that is too long, the parent is truncated and its MD5 appended
    /// (the MD5 of both, if the suffix leaves no room).
    /// </summary>
    public static string Of(string parent, string suffix)
    {
        ArgumentNullException.ThrowIfNull(parent);
        ArgumentNullException.ThrowIfNull(suffix);
        if (parent.Length <= Longest - suffix.Length)
        {
            return parent + suffix;
        }

        if (suffix.Length < Head)
        {
            return parent[..(Head - suffix.Length)] + Hash(parent) + suffix;
        }

        var name = parent[..Math.Min(Head, parent.Length)] + Hash(parent + suffix);
        name += suffix[..(Longest - name.Length)];
        var end = name.Length;
        while (!char.IsAsciiLetterOrDigit(name[end - 1]))
        {
            end--;
        }

        return name[..end];
    }

#pragma warning disable CA5351 // Not used for security, and other tools compute the same names.
    private static string Hash(string text) => Convert.ToHexStringLower(MD5.HashData(Encoding.UTF8.GetBytes(text)));
#pragma warning restore CA5351
}

using System.Security.Cryptography;
using System.Text;

namespace Serving.StatusPages.Components;

/// <summary>The style sheet, which is part of each page, and its hash for the content security policy.</summary>
internal static class StyleSheet
{
    /// <summary>The style sheet.</summary>
    public static string Text { get; } = Read();

    /// <summary>The source expression that allows exactly this style sheet.</summary>
    public static string Source { get; } = $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Text)))}'";

    private static string Read()
    {
        using var stream =
            typeof(StyleSheet).Assembly.GetManifestResourceStream("status.css")
            ?? throw new InvalidOperationException("the style sheet is not in the assembly");
        using var reader = new StreamReader(stream);

        // A parser of HTML turns CR LF into LF before it hashes.
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}

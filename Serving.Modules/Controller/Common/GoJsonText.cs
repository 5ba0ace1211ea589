using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Controller.Common;

/// <summary>
/// JSON inside strings, such as an environment variable, byte for byte as Go writes it: a different encoding of the same document would
/// change the pod template.
/// </summary>
internal static class GoJsonText
{
    /// <summary>The writer options for the input of <see cref="Finish"/>.</summary>
    public static JsonWriterOptions WriterOptions { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Escapes the characters that Go escapes for HTML; none of them occurs outside of strings.</summary>
    public static string Finish(string json) =>
        json.Replace("<", "\\u003c", StringComparison.Ordinal)
            .Replace(">", "\\u003e", StringComparison.Ordinal)
            .Replace("&", "\\u0026", StringComparison.Ordinal);
}

using System.Text.Encodings.Web;
using System.Text.Json;

namespace Serving.Controller.Common;

/// <summary>
/// JSON inside of strings, such as an environment variable, in the very characters in which Go writes it: another spelling of the same
/// document would be another pod.
/// </summary>
internal static class GoJsonText
{
    /// <summary>How to write what <see cref="Finish"/> is given.</summary>
    public static JsonWriterOptions WriterOptions { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Escapes what Go escapes for the sake of HTML; none of these characters occurs outside of strings.</summary>
    public static string Finish(string json) =>
        json.Replace("<", "\\u003c", StringComparison.Ordinal)
            .Replace(">", "\\u003e", StringComparison.Ordinal)
            .Replace("&", "\\u0026", StringComparison.Ordinal);
}

using System.Text;
using System.Text.Json;

namespace Serving.Controller.Revisions.Digests.Registries;

/// <summary>Reads response bodies of registries, with a size limit; errors use the format of the distribution specification.</summary>
internal static class RegistryResponses
{
    /// <summary>Larger than any manifest or token, in bytes.</summary>
    private const int LongestBody = 4 << 20;

    private const int LongestText = 1024;

    /// <summary>The body; throws <see cref="RegistryException"/> when it exceeds the limit.</summary>
    public static async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var stream = await response.Content.ReadAsStreamAsync(cancellation);
        await using (stream)
        {
            using var result = new MemoryStream();
            var buffer = new byte[16 << 10];
            while (await stream.ReadAsync(buffer, cancellation) is > 0 and var read)
            {
                if (result.Length + read > LongestBody)
                {
                    throw new RegistryException($"{Asked(response)}: the response is longer than {LongestBody} bytes");
                }

                result.Write(buffer, 0, read);
            }

            return result.ToArray();
        }
    }

    /// <summary>The exception for an unsuccessful response.</summary>
    public static async Task<RegistryException> RefusalAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        var body = await ReadAsync(response, cancellation);
        return new RegistryException($"{Asked(response)}: {Explain(response, body)}");
    }

    private static string Asked(HttpResponseMessage response) =>
        $"{response.RequestMessage!.Method} {response.RequestMessage.RequestUri!.GetLeftPart(UriPartial.Path)}";

    private static string Explain(HttpResponseMessage response, byte[] body)
    {
        if (Errors(body) is { Count: > 0 } errors)
        {
            return errors.Count == 1 ? errors[0] : "multiple errors returned: " + string.Join("; ", errors);
        }

        var code = $"unexpected status code {(int)response.StatusCode} {response.ReasonPhrase}";
        var text = Encoding.UTF8.GetString(body, 0, Math.Min(body.Length, LongestText));
        return text.Length == 0 ? code : $"{code}: {text}";
    }

    /// <summary>The errors as <c>CODE: message; detail</c>; empty when the body has another format.</summary>
    private static List<string> Errors(byte[] body)
    {
        try
        {
            using var document = JsonDocument.Parse(body);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty("errors", out var errors)
                ? [.. errors.EnumerateArray().Select(Format)]
                : [];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            return [];
        }
    }

    private static string Format(JsonElement error)
    {
        var text = $"{Text(error, "code")}: {Text(error, "message")}";
        return error.TryGetProperty("detail", out var detail) && detail.ValueKind != JsonValueKind.Null ? $"{text}; {detail}" : text;
    }

    private static string Text(JsonElement error, string name) => error.TryGetProperty(name, out var value) ? value.ToString() : "";
}

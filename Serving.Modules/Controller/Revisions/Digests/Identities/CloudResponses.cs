using System.Globalization;
using System.Text.Json;

namespace Serving.Controller.Revisions.Digests.Identities;

/// <summary>Calls a cloud's services and reads their JSON; an unexpected response is an <see cref="IdentityException"/>.</summary>
internal static class CloudResponses
{
    private const int LongestBody = 1 << 20;

    /// <summary>The text of a successful response.</summary>
    public static async Task<string> TextAsync(HttpClient http, HttpRequestMessage message, CancellationToken cancellation)
    {
        using (message)
        {
            var asked = $"{message.Method} {message.RequestUri!.GetLeftPart(UriPartial.Path)}";
            using var response = await http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (!response.IsSuccessStatusCode)
            {
                throw new IdentityException($"{asked}: {(int)response.StatusCode} {response.ReasonPhrase}");
            }

            await response.Content.LoadIntoBufferAsync(LongestBody, cancellation);
            return await response.Content.ReadAsStringAsync(cancellation);
        }
    }

    /// <summary>Reads a successful JSON response with <paramref name="read"/>.</summary>
    public static async Task<T> JsonAsync<T>(
        HttpClient http,
        HttpRequestMessage message,
        Func<JsonElement, T> read,
        CancellationToken cancellation
    )
    {
        var asked = $"{message.Method} {message.RequestUri!.GetLeftPart(UriPartial.Path)}";
        var text = await TextAsync(http, message, cancellation);
        try
        {
            using var document = JsonDocument.Parse(text);
            return read(document.RootElement);
        }
        catch (Exception error)
            when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException
            )
        {
            throw new IdentityException($"{asked}: unexpected response: {error.Message}", error);
        }
    }

    /// <summary>A required field, which must not be empty.</summary>
    public static string Required(this JsonElement element, string name) =>
        element.GetProperty(name).GetString() is { Length: > 0 } text ? text : throw new FormatException($"{name} is empty");

    /// <summary>An integer, as a JSON number or string.</summary>
    public static long Number(this JsonElement element, string name)
    {
        var value = element.GetProperty(name);
        return value.ValueKind == JsonValueKind.String
            ? long.Parse(value.GetString()!, CultureInfo.InvariantCulture)
            : (long)value.GetDouble();
    }
}

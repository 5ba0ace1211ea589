using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Writes responses. Invariant: the response to a successful write is sent after the write is on disk.</summary>
internal static class Reply
{
    /// <summary>Responds with a document.</summary>
    public static Task JsonAsync(HttpContext context, int code, JsonNode document) => BytesAsync(context, code, Json.Bytes(document));

    /// <summary>Responds with a serialized document.</summary>
    public static async Task BytesAsync(HttpContext context, int code, ReadOnlyMemory<byte> json, string type = "application/json")
    {
        if (code < 400 && context.Features.Get<WriteBarrier>() is { } barrier)
            await barrier.PassAsync(context.RequestAborted);
        context.Response.StatusCode = code;
        context.Response.ContentType = type;
        context.Response.ContentLength = json.Length;
        await context.Response.Body.WriteAsync(json, context.RequestAborted);
    }

    /// <summary>Responds with plain text.</summary>
    public static Task TextAsync(HttpContext context, int code, string text) =>
        BytesAsync(context, code, System.Text.Encoding.UTF8.GetBytes(text), "text/plain; charset=utf-8");

    /// <summary>Adds the Warning headers of a request, without duplicates.</summary>
    public static void Warn(HttpContext context, IEnumerable<string> warnings)
    {
        foreach (var warning in warnings.Distinct(StringComparer.Ordinal))
        {
            var text = string.Concat(
                warning.Select(c =>
                    c is '\\' or '"' ? $"\\{c}"
                    : char.IsControl(c) || c > 126 ? " "
                    : c.ToString()
                )
            );
            context.Response.Headers.Append("Warning", $"299 - \"{(text.Length > 1024 ? text[..1024] : text)}\"");
        }
    }
}

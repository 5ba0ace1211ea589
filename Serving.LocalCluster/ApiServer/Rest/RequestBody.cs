using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Unicode;
using Microsoft.AspNetCore.Http;
using Serving.Kubernetes.Yaml;
using Serving.LocalCluster.ApiServer.Audit;
using Serving.LocalCluster.ApiServer.Protobuf;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Reads request bodies: JSON, YAML, and protobuf for the kinds that kubectl sends in it.</summary>
internal static class RequestBody
{
    private const string Protobuf = "application/vnd.kubernetes.protobuf";

    /// <summary>The bytes of the body, at most <see cref="ApiServer.MaxBodyBytes"/>; text is UTF-8.</summary>
    /// <exception cref="ApiException">413: the body is too large; 429: too many bodies are in flight; 400: text that is not
    /// UTF-8.</exception>
    public static async Task<ReadOnlyMemory<byte>> ReadAsync(HttpContext context)
    {
        try
        {
            var reader = context.Request.BodyReader;
            while (true)
            {
                var read = await reader.ReadAsync(context.RequestAborted);
                if (read.Buffer.Length > ApiServer.MaxBodyBytes)
                    throw TooLarge();
                context.Features.Get<BodyLease>()?.Grow(read.Buffer.Length);
                if (read.IsCompleted)
                {
                    var bytes = read.Buffer.ToArray();
                    reader.AdvanceTo(read.Buffer.End);
                    if (context.Features.Get<AuditedRequest>() is { } audited)
                        audited.Body = bytes;
                    if (MediaType(context) != Protobuf && !Utf8.IsValid(bytes))
                        throw ApiException.BadRequest("the body of the request is not valid UTF-8");
                    return bytes;
                }

                reader.AdvanceTo(read.Buffer.Start, read.Buffer.End);
            }
        }
        catch (BadHttpRequestException exception) when (exception.StatusCode == 413)
        {
            throw TooLarge();
        }
    }

    /// <summary>The document of a body in any supported format; null when the body is empty.</summary>
    /// <param name="context">The request.</param>
    /// <param name="duplicates">The list to which the paths of duplicate fields are added.</param>
    public static async Task<JsonObject?> ReadObjectAsync(HttpContext context, List<string>? duplicates)
    {
        var body = await ReadAsync(context);
        return body.IsEmpty ? null : Parse(body, MediaType(context), duplicates);
    }

    /// <summary>The media type of the body, without parameters.</summary>
    public static string MediaType(HttpContext context) =>
        (context.Request.ContentType ?? "application/json").Split(';')[0].Trim().ToLowerInvariant();

    /// <summary>Parses a document.</summary>
    public static JsonObject Parse(ReadOnlyMemory<byte> body, string mediaType, List<string>? duplicates)
    {
        if (
            mediaType
                is not (
                    Protobuf
                    or "application/json"
                    or "application/yaml"
                    or "text/yaml"
                    or "application/x-yaml"
                    or "text/plain"
                    or "*/*"
                )
            && !mediaType.EndsWith("+json", StringComparison.Ordinal)
            && !mediaType.EndsWith("+yaml", StringComparison.Ordinal)
            && mediaType != "application/x-www-form-urlencoded"
        )
        {
            throw ApiException.UnsupportedMediaType(
                $"the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"
            );
        }

        try
        {
            if (mediaType == Protobuf)
                return ProtobufReader.Read(body.Span);
            var node =
                mediaType.Contains("yaml", StringComparison.Ordinal) && !StartsLikeJson(body.Span)
                    ? (YamlDocuments.Read(Encoding.UTF8.GetString(body.Span)) is [var first, ..] ? first : null)
                    : Json.Parse(body, duplicates);
            return node as JsonObject
                ?? throw ApiException.BadRequest(
                    "couldn't get version/kind; json parse error: json: cannot unmarshal the body into an object"
                );
        }
        catch (DecoderFallbackException)
        {
            throw ApiException.BadRequest("the body of the request has a string that is not valid UTF-8");
        }
        catch (JsonException exception)
        {
            throw ApiException.BadRequest($"couldn't get version/kind; json parse error: {exception.Message}");
        }
        catch (FormatException exception)
        {
            throw ApiException.BadRequest($"error decoding YAML: {exception.Message}");
        }
    }

    private static bool StartsLikeJson(ReadOnlySpan<byte> body) => body.TrimStart(" \t\r\n"u8).StartsWith("{"u8);

    private static ApiException TooLarge() =>
        new(413, "RequestEntityTooLarge", $"Request entity too large: limit is {ApiServer.MaxBodyBytes}");
}

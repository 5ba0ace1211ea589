using System.Text;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Upstreams;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Writes the responses that we generate: one line of text, as Go's <c>http.Error</c> does, and a gRPC status for gRPC clients. They must
/// not contain addresses or stack traces.
/// </summary>
public static class PlainText
{
    /// <summary>Responds with <paramref name="status"/> and exactly <paramref name="body"/>. The response must not have started.</summary>
    public static Task WriteAsync(HttpContext context, int status, string body) =>
        WriteAsync(context, status, body, nosniff: false, null, null, null);

    /// <summary>Responds with an error: plain text that ends in a line feed, with content sniffing disabled.</summary>
    /// <param name="context">The request; its response must not have started.</param>
    /// <param name="status">The status code.</param>
    /// <param name="message">The error message.</param>
    /// <param name="retryAfter">The <c>Retry-After</c> value in seconds; null to omit it.</param>
    /// <param name="unserved">How far the request got (<see cref="Unserved"/>), for proxies that may retry it; null to omit it.</param>
    /// <param name="header">A header that the status requires, such as <c>Allow</c> for 405; null for none.</param>
    public static Task WriteErrorAsync(
        HttpContext context,
        int status,
        string message,
        string? retryAfter = null,
        string? unserved = null,
        KeyValuePair<string, string>? header = null
    ) => WriteAsync(context, status, message + "\n", nosniff: true, retryAfter, unserved, header);

    /// <summary>Responds that the request queue is full, with <c>Retry-After</c>.</summary>
    public static Task WriteOverloadAsync(HttpContext context) =>
        WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "pending request queue full", retryAfter: "1");

    /// <summary>
    /// Responds, if the response has not started, that an internal error ended the request. Rethrow the exception so that it is logged; it
    /// must not reach the client.
    /// </summary>
    public static Task WriteUnexpectedAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Response.HasStarted || context.RequestAborted.IsCancellationRequested
            ? Task.CompletedTask
            : WriteErrorAsync(context, StatusCodes.Status500InternalServerError, "an internal error ended the request; it is in the log");
    }

    private static Task WriteAsync(
        HttpContext context,
        int status,
        string text,
        bool nosniff,
        string? retryAfter,
        string? unserved,
        KeyValuePair<string, string>? header
    )
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(text);
        var response = context.Response;
        response.Clear();
        if (retryAfter is not null)
            response.Headers.RetryAfter = retryAfter;
        if (unserved is not null)
            response.Headers[DataplaneHeaders.Unserved] = unserved;
        if (header is { } one)
            response.Headers[one.Key] = one.Value;
        if (status >= StatusCodes.Status400BadRequest && GrpcError.IsFor(context.Request))
            return GrpcError.WriteAsync(response, status, text.TrimEnd('\n'));
        var body = Encoding.UTF8.GetBytes(text);
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        if (nosniff)
            response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body).AsTask();
    }
}

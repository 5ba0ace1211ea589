using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>
/// Gives responses of our own: a line of text, as Go's <c>http.Error</c> does, and to gRPC clients a status that they understand. None
/// names an address or a stack.
/// </summary>
public static class PlainText
{
    /// <summary>Responds with <paramref name="status"/> and exactly <paramref name="body"/>. The response must not have started.</summary>
    public static Task WriteAsync(HttpContext context, int status, string body) => WriteAsync(context, status, body, nosniff: false, null, null, null);

    /// <summary>Responds with an error: the text ends in a line feed and is not to be taken for anything but text.</summary>
    /// <param name="context">The request; its response must not have started.</param>
    /// <param name="status">The status code.</param>
    /// <param name="message">What is wrong.</param>
    /// <param name="retryAfter">When to try again, in seconds; null to leave that open.</param>
    /// <param name="unserved">What became of the request, for whoever may send it elsewhere (<see cref="Unserved"/>); null for nothing to say.</param>
    /// <param name="header">A header that belongs to the status, as <c>Allow</c> to 405; null for none.</param>
    public static Task WriteErrorAsync(
        HttpContext context, int status, string message, string? retryAfter = null, string? unserved = null, KeyValuePair<string, string>? header = null) =>
        WriteAsync(context, status, message + "\n", nosniff: true, retryAfter, unserved, header);

    /// <summary>Responds that too many requests wait already, and when to try again.</summary>
    public static Task WriteOverloadAsync(HttpContext context) =>
        WriteErrorAsync(context, StatusCodes.Status503ServiceUnavailable, "pending request queue full", retryAfter: "1");

    /// <summary>
    /// Responds, where that is still possible, that an error of ours ended the request. The error itself is for the log only: throw it on.
    /// </summary>
    public static Task WriteUnexpectedAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.Response.HasStarted || context.RequestAborted.IsCancellationRequested
            ? Task.CompletedTask
            : WriteErrorAsync(context, StatusCodes.Status500InternalServerError, "an internal error ended the request; it is in the log");
    }

    private static Task WriteAsync(HttpContext context, int status, string text, bool nosniff, string? retryAfter, string? unserved, KeyValuePair<string, string>? header)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(text);
        var response = context.Response;
        response.Clear();
        if (retryAfter is not null) response.Headers.RetryAfter = retryAfter;
        if (unserved is not null) response.Headers[DataplaneHeaders.Unserved] = unserved;
        if (header is { } one) response.Headers[one.Key] = one.Value;
        if (status >= StatusCodes.Status400BadRequest && GrpcError.IsFor(context.Request)) return GrpcError.WriteAsync(response, status, text.TrimEnd('\n'));
        var body = Encoding.UTF8.GetBytes(text);
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        if (nosniff) response.Headers.XContentTypeOptions = "nosniff";
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body).AsTask();
    }
}

using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Requests;

/// <summary>Answers with a line of text, as Go's <c>http.Error</c> does.</summary>
public static class PlainText
{
    /// <summary>Answers with <paramref name="status"/> and exactly <paramref name="body"/>. The response must not have started.</summary>
    public static Task WriteAsync(HttpContext context, int status, string body) => WriteAsync(context, status, body, nosniff: false);

    /// <summary>Answers an error: the text ends in a line feed and is not to be taken for anything but text.</summary>
    public static Task WriteErrorAsync(HttpContext context, int status, string message) => WriteAsync(context, status, message + "\n", nosniff: true);

    /// <summary>Answers that too many requests wait already, and when to try again.</summary>
    public static Task WriteOverloadAsync(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        var bytes = "pending request queue full\n"u8.ToArray();
        return WriteAsync(context, StatusCodes.Status503ServiceUnavailable, bytes, nosniff: true, retryAfter: "1");
    }

    private static Task WriteAsync(HttpContext context, int status, string body, bool nosniff)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(body);
        return WriteAsync(context, status, Encoding.UTF8.GetBytes(body), nosniff, retryAfter: null);
    }

    private static Task WriteAsync(HttpContext context, int status, byte[] body, bool nosniff, string? retryAfter)
    {
        var response = context.Response;
        response.Clear();
        response.StatusCode = status;
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        if (nosniff) response.Headers.XContentTypeOptions = "nosniff";
        if (retryAfter is not null) response.Headers.RetryAfter = retryAfter;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : response.Body.WriteAsync(body).AsTask();
    }
}

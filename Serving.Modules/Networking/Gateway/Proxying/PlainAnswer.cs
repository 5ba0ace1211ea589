using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Networking.Gateway.Proxying;

/// <summary>Answers of the gateway itself: a status and a line of text.</summary>
internal static class PlainAnswer
{
    public static Task WriteAsync(HttpContext context, int status, string text = "")
    {
        var response = context.Response;
        response.StatusCode = status;
        if (text.Length == 0 || HttpMethods.IsHead(context.Request.Method))
        {
            response.ContentLength = HttpMethods.IsHead(context.Request.Method) ? null : 0;
            return Task.CompletedTask;
        }

        var body = Encoding.UTF8.GetBytes(text + "\n");
        response.ContentType = "text/plain; charset=utf-8";
        response.ContentLength = body.Length;
        return response.Body.WriteAsync(body, context.RequestAborted).AsTask();
    }
}

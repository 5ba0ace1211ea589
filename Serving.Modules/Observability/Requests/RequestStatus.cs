using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Requests;

/// <summary>The status of a request in metrics and logs.</summary>
public static class RequestStatus
{
    /// <summary>The client closed the connection before the response started; the number is that of nginx and of most ingresses.</summary>
    public const int ClientClosedRequest = StatusCodes.Status499ClientClosedRequest;

    /// <summary>The status of the response, or <see cref="ClientClosedRequest"/>.</summary>
    public static int Of(HttpContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        return context.RequestAborted.IsCancellationRequested && !context.Response.HasStarted
            ? ClientClosedRequest
            : context.Response.StatusCode;
    }
}

using Microsoft.AspNetCore.Http;

namespace Serving.Observability.Requests;

/// <summary>The status of a request in metrics, logs and spans, the same at every hop.</summary>
public static class RequestStatus
{
    /// <summary>The client closed the connection before the response started; the number is that of nginx and of most ingresses.</summary>
    public const int ClientClosedRequest = StatusCodes.Status499ClientClosedRequest;

    /// <summary>The status of the response, or <see cref="ClientClosedRequest"/>.</summary>
    /// <param name="context">The request, whose handling has ended.</param>
    /// <param name="failed">Whether its handling ended with an exception, which is a status of 500.</param>
    public static int Of(HttpContext context, bool failed = false)
    {
        ArgumentNullException.ThrowIfNull(context);
        return failed ? StatusCodes.Status500InternalServerError
            : !context.Response.HasStarted && context.RequestAborted.IsCancellationRequested ? ClientClosedRequest
            : context.Response.StatusCode;
    }
}

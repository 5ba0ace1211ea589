using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Upstreams;

namespace Serving.Dataplane.Tracing;

/// <summary>
/// Records a client's span for each attempt to forward a traced request; the receiver's spans are below it. A retry is an attribute of its
/// span and an event of the request's span, with the reason that the previous attempt failed. Other requests go straight through.
/// </summary>
/// <param name="inner">Forwards; disposed with this.</param>
/// <param name="tracer">Creates the spans.</param>
/// <param name="name">The name of the spans; null for <c>HTTP</c> and the method.</param>
public sealed class TracedUpstream(IUpstream inner, RequestTracer tracer, string? name = null) : IUpstream, IDisposable
{
    private const string LastAttempt = "serving.last_attempt";

    /// <inheritdoc/>
    public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation) =>
        tracer.IsRecording ? TraceAsync(context, target, cancellation) : inner.ForwardAsync(context, target, cancellation);

    /// <inheritdoc/>
    public void Dispose() => (inner as IDisposable)?.Dispose();

    private async ValueTask<UpstreamResult> TraceAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        var request = Activity.Current!;
        using var span = tracer.Send(context, name ?? "HTTP " + context.Request.Method, target.Address);
        var last = request.GetCustomProperty(LastAttempt) as Attempt;
        var attempt = new Attempt((last?.Number ?? -1) + 1);
        request.SetCustomProperty(LastAttempt, attempt);
        if (last is not null)
        {
            span?.SetTag("http.request.resend_count", attempt.Number);
            request.AddEvent(
                new ActivityEvent(
                    "retry",
                    tags: new ActivityTagsCollection { ["reason"] = last.Error, ["server.address"] = target.Address }
                )
            );
        }

        try
        {
            var result = await inner.ForwardAsync(context, target, cancellation);
            attempt.Error = result.ErrorType();
            if (span is not null)
                SpanAttributes.Sent(span, attempt.Error is null ? context.Response.StatusCode : null, attempt.Error);
            return result;
        }
        catch (Exception exception)
        {
            SpanAttributes.Failed(span, exception);
            throw;
        }
    }

    private sealed class Attempt(int number)
    {
        public int Number => number;

        public string? Error { get; set; }
    }
}

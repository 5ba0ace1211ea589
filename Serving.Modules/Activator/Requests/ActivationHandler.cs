using System.Diagnostics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Serving.Activator.Statistics;
using Serving.Activator.Throttling;
using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Dataplane;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Tracing;
using Serving.Dataplane.Upstreams;
using Serving.Kubernetes;
using Serving.Observability.Requests;

namespace Serving.Activator.Requests;

/// <summary>Holds a request until its revision has capacity and forwards it to a pod; retries on another pod if nothing of it reached the
/// program.</summary>
internal sealed partial class ActivationHandler(
    RevisionRegistry registry,
    ConcurrencyReporter reporter,
    PodForwarder pods,
    RequestTelemetry telemetry,
    ActivatorMetrics metrics,
    TimeProvider time,
    ILogger logger
)
{
    private const long DefaultTimeoutSeconds = 300;

    /// <summary>Maximum number of attempts per request.</summary>
    private const int MaxAttempts = 16;

    /// <summary>Handles a request for a revision.</summary>
    /// <param name="context">The request, and the response to write.</param>
    /// <param name="ns">The namespace of the revision.</param>
    /// <param name="revision">The name of the revision.</param>
    /// <param name="http2">Whether to use HTTP/2 to the pod; null to follow the revision.</param>
    /// <param name="viaGateway">Whether the request comes from a gateway in this process, which has already added the client's
    /// address.</param>
    public ValueTask HandleAsync(HttpContext context, string ns, string revision, bool? http2, bool viaGateway)
    {
        var tracer = telemetry.Tracer;
        if (!tracer.IsOn)
            return HandleUntracedAsync(context, ns, revision, http2, viaGateway);

        // A gateway in this process has decided, and its span is the current one.
        ActivityContext parent = default;
        var isTraced = viaGateway ? tracer.IsRecording : tracer.TryBegin(context.Request, out parent);
        return isTraced
            ? HandleAndTraceAsync(context, ns, revision, http2, viaGateway, parent)
            : HandleUntracedAsync(context, ns, revision, http2, viaGateway);
    }

    private async ValueTask HandleAndTraceAsync(
        HttpContext context,
        string ns,
        string revision,
        bool? http2,
        bool viaGateway,
        ActivityContext parent
    )
    {
        using var span = telemetry.Tracer.Serve(context, RequestTelemetry.HandleName, parent);
        if (registry.Find(ns, revision) is { } entry)
        {
            foreach (var (name, value) in entry.Attributes.Owners)
                span?.SetTag(name, value);
        }

        try
        {
            await HandleUntracedAsync(context, ns, revision, http2, viaGateway);
            SpanAttributes.Responded(span, RequestStatus.Of(context));
        }
        catch (Exception exception)
        {
            SpanAttributes.Failed(span, exception);
            throw;
        }
    }

    private async ValueTask HandleUntracedAsync(HttpContext context, string ns, string revision, bool? http2, bool viaGateway)
    {
        if (!registry.HasSynced)
            await registry.WaitForSyncAsync(context.RequestAborted);
        if (registry.Find(ns, revision) is not { } entry)
        {
            await NotFoundAsync(context, revision);
            return;
        }

        if (telemetry.Log is not { IsOn: true } log || ProbeRequest.IsProbe(context.Request))
            await HandleAsync(context, entry, http2, viaGateway);
        else
            await HandleAndLogAsync(context, entry, http2, viaGateway, log);
    }

    private async ValueTask HandleAndLogAsync(HttpContext context, RevisionEntry entry, bool? http2, bool viaGateway, RequestLog requests)
    {
        var started = time.GetTimestamp();
        var body = CountingBody.Watch(context);
        var failed = true;
        try
        {
            await HandleAsync(context, entry, http2, viaGateway);
            failed = false;
        }
        finally
        {
            var metadata = entry.Revision.Metadata;
            var revision = new RequestLogRevision(
                metadata.Namespace,
                metadata.Name,
                metadata.Labels.GetValueOrDefault(ServingKeys.Service, ""),
                metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "")
            );
            requests.Write(context, RequestStatus.Of(context, failed), body.Written, time.GetElapsedTime(started), revision);
        }
    }

    private async ValueTask HandleAsync(HttpContext context, RevisionEntry entry, bool? http2, bool viaGateway)
    {
        // Before the report, which may scale the revision before it returns.
        var coldStart = entry.Throttler.Capacity == 0 ? entry.ColdStarts.Join() : null;
        var started = metrics.Now();
        var counter = reporter.Begin(ObjectKey.Of(entry.Revision));
        var deadline = RequestDeadline.Start(context, Timeouts(entry.Revision.Spec), time);
        var whole = false;
        try
        {
            var speaksHttp2 = http2 ?? entry.Revision.Spec.Protocol() == NetworkingKeys.ProtocolH2C;
            whole = await ThrottleAsync(context, entry, speaksHttp2 && !IsUpgrade(context), viaGateway, deadline.Token);
        }
        catch (OperationCanceledException) when (deadline.Token.IsCancellationRequested)
        {
            // Either a timeout, to which the deadline responds, or the client disconnected and needs no response.
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or BadHttpRequestException))
        {
            await PlainText.WriteUnexpectedAsync(context);
            throw;
        }
        finally
        {
            ConcurrencyReporter.End(counter);
            if (coldStart is not null)
                entry.ColdStarts.Leave(coldStart);
            try
            {
                await deadline.CompleteAsync(whole, "activator request timeout");
            }
            finally
            {
                metrics.Completed(context, entry, started);
            }
        }
    }

    private static RequestTimeouts Timeouts(RevisionSpec spec) =>
        new(
            TimeSpan.FromSeconds(spec.TimeoutSeconds ?? DefaultTimeoutSeconds),
            TimeSpan.FromSeconds(spec.ResponseStartTimeoutSeconds ?? 0),
            TimeSpan.FromSeconds(spec.IdleTimeoutSeconds ?? 0)
        );

    private static bool IsUpgrade(HttpContext context) => context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };

    private static Task NotFoundAsync(HttpContext context, string revision) =>
        PlainText.WriteErrorAsync(
            context,
            StatusCodes.Status404NotFound,
            $"Error getting active endpoint: revision.serving.knative.dev \"{revision}\" not found"
        );

    // The queue-proxy restores the Host; until then it would only mislead meshes that route by it.
    private static void Prepare(HttpContext context, bool viaGateway)
    {
        var headers = context.Request.Headers;
        if (!headers.ContainsKey(DataplaneHeaders.OriginalHost))
            headers[DataplaneHeaders.OriginalHost] = context.Request.Host.Value;
        headers[DataplaneHeaders.Proxy] = DataplaneHeaders.ActivatorName;
        headers.Remove(DataplaneHeaders.Revision);
        headers.Remove(DataplaneHeaders.Namespace);
        headers.Remove(DataplaneHeaders.Hash);
        if (!viaGateway)
            ForwardedHeader.AppendPeer(context);
    }

    // Whether the response is complete; otherwise the code that cancelled ends it.
    private async ValueTask<bool> ThrottleAsync(
        HttpContext context,
        RevisionEntry entry,
        bool http2,
        bool viaGateway,
        CancellationToken cancellation
    )
    {
        var attempts = 0;
        long? waitingSince = metrics.Now();
        while (true)
        {
            entry.Load.BeginWait();
            bool entered;
            try
            {
                entered = await EnterAsync(entry, cancellation);
            }
            finally
            {
                entry.Load.EndWait();
                if (waitingSince is { } since)
                    metrics.Waited(entry, since);
                waitingSince = null;
            }

            if (!entered)
            {
                if (cancellation.IsCancellationRequested)
                    return false;
                metrics.Rejected(entry, RejectedReason.QueueFull);
                await PlainText.WriteOverloadAsync(context);
                return true;
            }

            PodTracker? pod;
            try
            {
                if (entry.Throttler.Closed)
                {
                    metrics.Rejected(entry, RejectedReason.Deleted);
                    await NotFoundAsync(context, entry.Revision.Metadata.Name);
                    return true;
                }

                pod = entry.Throttler.Reserve();
                if (pod is not null)
                {
                    if (attempts == 0)
                        Prepare(context, viaGateway);
                    else
                        metrics.Retried(entry);
                    var result = await ForwardAsync(context, entry, pod, http2, cancellation);
                    if (result is not (UpstreamResult.NotConnected or UpstreamResult.Unsent or UpstreamResult.Lost))
                        return result != UpstreamResult.Canceled;
                    LogRefused(logger, pod.Address, entry.Revision.Metadata.Namespace, entry.Revision.Metadata.Name);
                    entry.Backends.Suspect(pod.Address);

                    // Ephemeral pods refuse as a matter of course, and one that did is avoided until it responds.
                    if (++attempts >= MaxAttempts && !entry.Throttler.IsEphemeral)
                    {
                        metrics.Rejected(entry, RejectedReason.NoPod);
                        await PlainText.WriteErrorAsync(
                            context,
                            StatusCodes.Status502BadGateway,
                            "no pod's program accepts connections",
                            retryAfter: "1"
                        );
                        return true;
                    }
                }
            }
            finally
            {
                entry.Throttler.Exit();
            }

            // The pods changed after the slot was granted: queue again, so that the change can be applied.
            if (pod is null)
                await Task.Yield();
            cancellation.ThrowIfCancellationRequested();
        }
    }

    private ValueTask<bool> EnterAsync(RevisionEntry entry, CancellationToken cancellation) =>
        telemetry.Tracer.IsRecording ? EnterTracedAsync(entry, cancellation) : entry.Throttler.EnterAsync(cancellation);

    private async ValueTask<bool> EnterTracedAsync(RevisionEntry entry, CancellationToken cancellation)
    {
        using var span = telemetry.Tracer.Start(RequestTelemetry.WaitName);
        var entered = await entry.Throttler.EnterAsync(cancellation);
        if (!entered && !cancellation.IsCancellationRequested)
            span?.SetStatus(ActivityStatusCode.Error, "the queue is full");
        return entered;
    }

    private async ValueTask<UpstreamResult> ForwardAsync(
        HttpContext context,
        RevisionEntry entry,
        PodTracker pod,
        bool http2,
        CancellationToken cancellation
    )
    {
        entry.Load.BeginAnswer();
        var coldStart = entry.ColdStarts.BeginAnswer(context, pod.Address);
        var trial = pod.Health.Begin();
        var result = UpstreamResult.Canceled;
        try
        {
            return result = await pods.ForwardAsync(context, entry, pod, http2, cancellation);
        }
        finally
        {
            pod.Health.End(trial, result);
            if (coldStart is not null)
                entry.ColdStarts.EndAnswer(coldStart);
            entry.Load.EndAnswer();
            if (entry.Throttler.Release(pod))
                entry.Backends.Suspect(pod.Address);
        }
    }

    [LoggerMessage(
        1,
        LogLevel.Debug,
        "The pod at {Address} of {Namespace}/{Revision}, or its program, refused the connection; retrying on another pod."
    )]
    private static partial void LogRefused(ILogger logger, string address, string @namespace, string revision);
}

using System.Diagnostics;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Tracing;

/// <summary>
/// Creates the spans of the requests of one component. The decision is made before anything is created. Invariant: a request that is not
/// sampled costs at most one header, and nothing while tracing is off; its trace headers are then passed on unchanged.
/// </summary>
/// <param name="sourceName">The name of the activity source, that of the component's project.</param>
/// <param name="sampling">Which requests are traced.</param>
public sealed class RequestTracer(string sourceName, TraceSampling sampling) : IDisposable
{
    private readonly ActivitySource _source = new(sourceName);

    /// <summary>Whether requests may be traced.</summary>
    public bool IsOn => sampling.IsOn && _source.HasListeners();

    /// <summary>Whether the current request is traced.</summary>
    public bool IsRecording => IsOn && Activity.Current is { Recorded: true, IsStopped: false };

    /// <inheritdoc/>
    public void Dispose() => _source.Dispose();

    /// <summary>Decides whether a request that arrived over the network is traced, and tells later hops if it is not.</summary>
    /// <param name="request">The request.</param>
    /// <param name="parent">What to pass to <see cref="Serve"/> when it is traced.</param>
    public bool TryBegin(HttpRequest request, out ActivityContext parent)
    {
        ArgumentNullException.ThrowIfNull(request);
        parent = default;
        if (!IsOn)
            return false;
        var headers = request.Headers;
        var incoming = IncomingTrace.Of(headers);
        Span<byte> ids = stackalloc byte[24];
        if (incoming.HasIds)
            incoming.CopyTraceId(ids);
        else
            Random.Shared.NextBytes(ids);
        if (!sampling.Decide(incoming.IsSampled, ids[..16]))
        {
            if (incoming.IsSampled is null && incoming.IsB3)
                TraceHeaders.RefuseB3(headers);
            else if (incoming.IsSampled is null)
                TraceHeaders.Refuse(headers, ids);
            return false;
        }

        // A trace that starts here has an id and no parent; the flag tells the sampler what was decided.
        var trace = ActivityTraceId.CreateFromBytes(ids[..16]);
        if (!incoming.HasIds)
        {
            parent = new ActivityContext(trace, default, ActivityTraceFlags.Recorded);
            return true;
        }

        Span<byte> span = stackalloc byte[8];
        Convert.FromHexString(incoming.SpanId, span, out _, out _);
        var state = !incoming.IsB3 && headers.TraceState is { Count: > 0 } told ? told.ToString() : null;
        parent = new ActivityContext(trace, ActivitySpanId.CreateFromBytes(span), ActivityTraceFlags.Recorded, state, isRemote: true);
        return true;
    }

    /// <summary>Starts the span of a request. Call it in an asynchronous method, at whose end the outer span becomes current
    /// again.</summary>
    /// <param name="context">The request.</param>
    /// <param name="name">The name of the span.</param>
    /// <param name="parent">From <see cref="TryBegin"/>; by default the current span of this process.</param>
    public Activity? Serve(HttpContext context, string name, ActivityContext parent = default)
    {
        ArgumentNullException.ThrowIfNull(context);
        var isLocal = parent == default;
        if (!isLocal)
            Activity.Current = null;
        var span = _source.StartActivity(name, isLocal ? ActivityKind.Internal : ActivityKind.Server, parent);
        if (span is not { IsAllDataRequested: true })
            return span;
        SpanAttributes.Describe(span, context.Request);
        SpanAttributes.SetPeer(span, context.Connection.RemoteIpAddress, context.Connection.RemotePort);
        return span;
    }

    /// <summary>Starts a span within that of the request; null when the request is not traced.</summary>
    public Activity? Start(string name) => IsRecording ? _source.StartActivity(name) : null;

    /// <summary>Starts the span of an attempt to forward the request, and makes it the parent of the receiver's spans.</summary>
    /// <param name="context">The request.</param>
    /// <param name="name">The name of the span.</param>
    /// <param name="address">Host and port of the receiver.</param>
    internal Activity? Send(HttpContext context, string name, string address)
    {
        var span = _source.StartActivity(name, ActivityKind.Client);
        if (span is null)
            return null;
        if (span.IsAllDataRequested)
        {
            SpanAttributes.Describe(span, context.Request);
            SpanAttributes.SetServer(span, address);
        }

        TraceHeaders.Inject(context.Request.Headers, span);
        return span;
    }
}

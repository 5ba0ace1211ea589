using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Upstreams.Http1;
using Serving.Dataplane.Upstreams.Http2;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Delegates HTTP/1.1 and HTTP/2 to their own upstreams, and the rest (WebSockets of HTTP/2 clients) to YARP. Each is created on first use.
/// </summary>
internal sealed class UpstreamByProtocol(UpstreamOptions options) : IUpstream, IDisposable
{
    private readonly Http1Upstream _http1 = new(options);
    private readonly Lazy<Http2Upstream> _http2 = new(() => new Http2Upstream(options));
    private readonly Lazy<IUpstream> _forwarder = new(() => Upstreams.CreateForwarder(options));

    public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation) =>
        HttpMethods.IsConnect(context.Request.Method) ? _forwarder.Value.ForwardAsync(context, target, cancellation)
        : target.Http2 ? _http2.Value.ForwardAsync(context, target, cancellation)
        : _http1.ForwardAsync(context, target, cancellation);

    public void Dispose()
    {
        _http1.Dispose();
        if (_http2.IsValueCreated)
            _http2.Value.Dispose();
        if (_forwarder.IsValueCreated)
            ((IDisposable)_forwarder.Value).Dispose();
    }
}

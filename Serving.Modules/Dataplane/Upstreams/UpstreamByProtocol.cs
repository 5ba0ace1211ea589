using Microsoft.AspNetCore.Http;
using Serving.Dataplane.Http1;

namespace Serving.Dataplane;

/// <summary>
/// Gives HTTP/1.1 to the upstream made for it, and the rest (HTTP/2, WebSockets of HTTP/2 clients) to
/// YARP, which is not loaded before it is needed.
/// </summary>
internal sealed class UpstreamByProtocol(UpstreamOptions options) : IUpstream, IDisposable
{
    private readonly Http1Upstream _http1 = new(options);
    private readonly Lazy<IUpstream> _forwarder = new(() => Upstreams.CreateForwarder(options));

    public ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation) =>
        target.Http2 || HttpMethods.IsConnect(context.Request.Method)
            ? _forwarder.Value.ForwardAsync(context, target, cancellation)
            : _http1.ForwardAsync(context, target, cancellation);

    public void Dispose()
    {
        _http1.Dispose();
        if (_forwarder.IsValueCreated) ((IDisposable)_forwarder.Value).Dispose();
    }
}

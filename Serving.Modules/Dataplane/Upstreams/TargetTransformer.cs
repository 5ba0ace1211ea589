using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Yarp.ReverseProxy.Forwarder;

namespace Serving.Dataplane.Upstreams;

/// <summary>
/// Copies a request unchanged except for what its <see cref="UpstreamTarget"/> specifies. YARP aborts a started response on every failure;
/// after <see cref="KeepResponse"/>, a response whose caller has cancelled is kept, because the caller completes it.
/// </summary>
internal sealed class TargetTransformer(UpstreamTarget target) : HttpTransformer, IHttpRequestLifetimeFeature, IHttpResetFeature
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    private IHttpRequestLifetimeFeature? _lifetime;
    private IHttpResetFeature? _reset;
    private CancellationToken _caller;

    CancellationToken IHttpRequestLifetimeFeature.RequestAborted
    {
        get => _lifetime!.RequestAborted;
        set => _lifetime!.RequestAborted = value;
    }

    private bool EndedByCaller => _caller.IsCancellationRequested && !_lifetime!.RequestAborted.IsCancellationRequested;

    /// <summary>From now on a response is not aborted when <paramref name="caller"/> is cancelled, unless the client
    /// disconnected.</summary>
    public void KeepResponse(HttpContext context, CancellationToken caller)
    {
        var features = context.Features;
        (_lifetime, _reset, _caller) = (features.Get<IHttpRequestLifetimeFeature>(), features.Get<IHttpResetFeature>(), caller);
        features.Set<IHttpRequestLifetimeFeature>(this);
        if (_reset is not null)
            features.Set<IHttpResetFeature>(this);
    }

    /// <summary>Reverts <see cref="KeepResponse"/>.</summary>
    public void Release(HttpContext context)
    {
        context.Features.Set(_lifetime);
        if (_reset is not null)
            context.Features.Set(_reset);
    }

    void IHttpRequestLifetimeFeature.Abort()
    {
        if (!EndedByCaller)
            _lifetime!.Abort();
    }

    void IHttpResetFeature.Reset(int errorCode)
    {
        if (!EndedByCaller)
            _reset!.Reset(errorCode);
    }

    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext,
        HttpRequestMessage proxyRequest,
        string destinationPrefix,
        CancellationToken cancellationToken
    )
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = new Uri(destinationPrefix + RequestTarget.Of(httpContext), Verbatim);
        proxyRequest.Headers.Host = target.Host ?? httpContext.Request.Host.Value;
        if (target.RemoveHeaders is { } removed)
        {
            for (var i = 0; i < removed.Count; i++)
                Remove(proxyRequest, removed[i]);
        }

        if (target.SetHeaders is { } set)
        {
            for (var i = 0; i < set.Count; i++)
            {
                Remove(proxyRequest, set[i].Key);
                proxyRequest.Headers.TryAddWithoutValidation(set[i].Key, set[i].Value);
            }
        }
    }

    public override async ValueTask<bool> TransformResponseAsync(
        HttpContext httpContext,
        HttpResponseMessage? proxyResponse,
        CancellationToken cancellationToken
    )
    {
        var copyBody = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        httpContext.Response.Headers.Remove(DataplaneHeaders.Unserved);
        if (proxyResponse is not null && StreamsWithoutLength(httpContext, proxyResponse))
        {
            // A client may need the headers of an event stream long before the first event.
            await httpContext.Response.Body.FlushAsync(cancellationToken);
        }

        return copyBody;
    }

    private static bool StreamsWithoutLength(HttpContext context, HttpResponseMessage response) =>
        response.Content.Headers.ContentLength is null
        && (int)response.StatusCode is >= 200 and not (204 or 304)
        && !HttpMethods.IsHead(context.Request.Method)
        && !HttpMethods.IsConnect(context.Request.Method)
        && !IsGrpc(response);

    // A gRPC response may consist of trailers only, which must then be in the header block that ends the stream.
    private static bool IsGrpc(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

    private static void Remove(HttpRequestMessage request, string name)
    {
        if (!request.Headers.Remove(name))
            request.Content?.Headers.Remove(name);
    }
}

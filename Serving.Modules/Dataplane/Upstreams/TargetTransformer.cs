using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Forwarder;

namespace Serving.Dataplane;

/// <summary>Copies a request as it is, but for what its <see cref="UpstreamTarget"/> says.</summary>
internal sealed class TargetTransformer(UpstreamTarget target) : HttpTransformer
{
    private static readonly UriCreationOptions Verbatim = new() { DangerousDisablePathAndQueryCanonicalization = true };

    public override async ValueTask TransformRequestAsync(
        HttpContext httpContext, HttpRequestMessage proxyRequest, string destinationPrefix, CancellationToken cancellationToken)
    {
        await base.TransformRequestAsync(httpContext, proxyRequest, destinationPrefix, cancellationToken);
        proxyRequest.RequestUri = new Uri(destinationPrefix + RequestTarget.Of(httpContext), Verbatim);
        proxyRequest.Headers.Host = target.Host ?? httpContext.Request.Host.Value;
        if (target.RemoveHeaders is { } removed)
        {
            for (var i = 0; i < removed.Count; i++) Remove(proxyRequest, removed[i]);
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

    public override async ValueTask<bool> TransformResponseAsync(HttpContext httpContext, HttpResponseMessage? proxyResponse, CancellationToken cancellationToken)
    {
        var copyBody = await base.TransformResponseAsync(httpContext, proxyResponse, cancellationToken);
        if (proxyResponse is not null && StreamsWithoutLength(httpContext, proxyResponse))
        {
            // A client waits for the headers of an event stream long before its first event.
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

    // A gRPC answer may consist of trailers alone, which must then stand in the header block that ends the stream.
    private static bool IsGrpc(HttpResponseMessage response) =>
        response.Content.Headers.ContentType?.MediaType?.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase) == true;

    private static void Remove(HttpRequestMessage request, string name)
    {
        if (!request.Headers.Remove(name)) request.Content?.Headers.Remove(name);
    }
}

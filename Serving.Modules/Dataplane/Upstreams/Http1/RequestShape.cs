using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Serving.Dataplane.Servers;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>The framing of a request, and what it asks of the connection.</summary>
/// <param name="Length">The length of its body; null when it has none or is chunked.</param>
/// <param name="Chunked">Whether its body is chunked.</param>
/// <param name="Upgrade">Whether it asks for a protocol upgrade.</param>
/// <param name="ExpectsContinue">Whether the client waits for <c>100 Continue</c> before it sends the body.</param>
internal readonly record struct RequestShape(long? Length, bool Chunked, bool Upgrade, bool ExpectsContinue)
{
    /// <summary>Whether it has a body.</summary>
    public bool HasBody => Chunked || Length > 0;

    /// <summary>Reads the framing, which <see cref="RequestEntry"/> has validated.</summary>
    public static RequestShape Of(HttpContext context)
    {
        var request = context.Request;
        var headers = request.Headers;
        var upgrade = context.Features.Get<IHttpUpgradeFeature>() is { IsUpgradableRequest: true };
        var length = headers.ContentLength;
        var canHaveBody = !upgrade && (context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true);
        var chunked = canHaveBody && length is null;
        var expects =
            (chunked || length > 0) && headers.Expect is [{ } expect] && expect.Equals("100-continue", StringComparison.OrdinalIgnoreCase);
        return new RequestShape(upgrade ? null : length, chunked, upgrade, expects);
    }

    /// <summary>Whether it may be retried when it is unknown whether it arrived.</summary>
    public bool IsReplayable(string method) =>
        !HasBody
        && !Upgrade
        && (
            HttpMethods.IsGet(method)
            || HttpMethods.IsHead(method)
            || HttpMethods.IsOptions(method)
            || HttpMethods.IsTrace(method)
            || HttpMethods.IsPut(method)
            || HttpMethods.IsDelete(method)
        );
}

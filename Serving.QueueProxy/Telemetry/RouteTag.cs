using Microsoft.AspNetCore.Http;
using Serving.Dataplane;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The tag by which a request chose its revision, as metrics and spans call it.</summary>
internal static class RouteTag
{
    /// <summary>The attribute's name.</summary>
    public const string Attribute = "kn.route.tag";

    /// <summary>The tag; <c>kn:disabled</c> without routing by tags, <c>kn:default</c> without a tag, <c>kn:undefined</c> for one that no route has.</summary>
    public static string Of(HttpRequest request)
    {
        var tag = request.Headers[DataplaneHeaders.Tag].ToString();
        var byDefault = request.Headers[DataplaneHeaders.DefaultRoute].ToString();
        if (tag.Length == 0) return byDefault.Length == 0 ? "kn:disabled" : "kn:default";
        return byDefault == "true" ? "kn:undefined" : tag;
    }
}

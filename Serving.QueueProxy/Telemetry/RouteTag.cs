using Microsoft.AspNetCore.Http;
using Serving.Dataplane;

namespace Serving.QueueProxy.Telemetry;

/// <summary>The route tag of a request, as an attribute of metrics and spans.</summary>
internal static class RouteTag
{
    /// <summary>The attribute's name.</summary>
    public const string Attribute = "kn.route.tag";

    /// <summary>The tag; <c>kn:disabled</c> without tag-based routing, <c>kn:default</c> without a tag, <c>kn:undefined</c> for a tag that
    /// no route has.</summary>
    public static string Of(HttpRequest request)
    {
        var tag = request.Headers[DataplaneHeaders.Tag].ToString();
        var byDefault = request.Headers[DataplaneHeaders.DefaultRoute].ToString();
        if (tag.Length == 0)
            return byDefault.Length == 0 ? "kn:disabled" : "kn:default";
        return byDefault == "true" ? "kn:undefined" : tag;
    }
}

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>The types of filters that we write.</summary>
internal static class FilterTypes
{
    public const string RequestHeaderModifier = "RequestHeaderModifier";
    public const string RequestRedirect = "RequestRedirect";
    public const string UrlRewrite = "URLRewrite";
}

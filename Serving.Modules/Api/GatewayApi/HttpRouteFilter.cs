namespace Serving.Api.GatewayApi;

/// <summary>A change of a request, or a response instead of the backend's.</summary>
public sealed record HttpRouteFilter : Extensible
{
    /// <summary><c>RequestHeaderModifier</c>, <c>URLRewrite</c>, <c>RequestRedirect</c> or one that we do not write.</summary>
    [RequiredField]
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public HttpHeaderModifier? RequestHeaderModifier { get; init; }
    public HttpUrlRewrite? UrlRewrite { get; init; }
    public HttpRequestRedirect? RequestRedirect { get; init; }
}

/// <summary>Headers to set.</summary>
public sealed record HttpHeaderModifier : Extensible
{
    /// <summary>At most 16.</summary>
    public IReadOnlyList<HttpHeaderValue> Set
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A header.</summary>
public sealed record HttpHeaderValue : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Value
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The host with which the backend is called.</summary>
public sealed record HttpUrlRewrite : Extensible
{
    public string Hostname
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>Where the client is sent.</summary>
public sealed record HttpRequestRedirect : Extensible
{
    public string Scheme
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? StatusCode { get; init; }
}

namespace Serving.Api.GatewayApi;

/// <summary>Routes the requests that a Gateway receives for some hosts (gateway.networking.k8s.io/v1 HTTPRoute).</summary>
public sealed record HttpRoute : KubernetesObject
{
    public HttpRouteSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
    public HttpRouteStatus? Status { get; init; }
}

/// <summary>The Gateways, the hosts and the rules.</summary>
public sealed record HttpRouteSpec : Extensible
{
    public IReadOnlyList<GatewayParentReference> ParentRefs
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>At most 16; empty for every host of the listener.</summary>
    public IReadOnlyList<string> Hostnames
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>At most 16. The most specific match wins, whatever the order.</summary>
    public IReadOnlyList<HttpRouteRule> Rules
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>Which requests, what is changed in them, and their backends.</summary>
public sealed record HttpRouteRule : Extensible
{
    public IReadOnlyList<HttpRouteMatch> Matches
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<HttpRouteFilter> Filters
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<HttpBackendReference> BackendRefs
    {
        get;
        init => field = value ?? [];
    } = [];
    public HttpRouteTimeouts? Timeouts { get; init; }
}

/// <summary>A path and headers; both must match.</summary>
public sealed record HttpRouteMatch : Extensible
{
    public HttpPathMatch? Path { get; init; }
    public IReadOnlyList<HttpHeaderMatch> Headers
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The match of a path.</summary>
public sealed record HttpPathMatch : Extensible
{
    /// <summary><c>Exact</c>, <c>PathPrefix</c> or <c>RegularExpression</c>.</summary>
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Value
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The match of a header.</summary>
public sealed record HttpHeaderMatch : Extensible
{
    /// <summary><c>Exact</c> or <c>RegularExpression</c>.</summary>
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";

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

/// <summary>A Service and its share of the traffic.</summary>
public sealed record HttpBackendReference : Extensible
{
    [WrittenWhenEmpty]
    public string? Group { get; init; }
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Empty for the namespace of the route.</summary>
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? Port { get; init; }
    public int? Weight { get; init; }
    public IReadOnlyList<HttpRouteFilter> Filters
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The time that a request may take; <c>0s</c> for any.</summary>
public sealed record HttpRouteTimeouts : Extensible
{
    public string Request
    {
        get;
        init => field = value ?? "";
    } = "";
    public string BackendRequest
    {
        get;
        init => field = value ?? "";
    } = "";
}

using Serving.Api.Core;

namespace Serving.Api.GatewayApi;

/// <summary>A port, a protocol and a host that a Gateway serves.</summary>
public sealed record GatewayListener : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Empty for every host.</summary>
    public string Hostname
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public int Port { get; init; }

    /// <summary><c>HTTP</c>, <c>HTTPS</c> or another.</summary>
    [RequiredField]
    public string Protocol
    {
        get;
        init => field = value ?? "";
    } = "";
    public GatewayListenerTls? Tls { get; init; }
    public GatewayAllowedRoutes? AllowedRoutes { get; init; }
}

/// <summary>The certificates of a listener.</summary>
public sealed record GatewayListenerTls : Extensible
{
    public string Mode
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyList<GatewaySecretReference> CertificateRefs
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A Secret; in another namespace it needs a <see cref="ReferenceGrant"/> there.</summary>
public sealed record GatewaySecretReference : Extensible
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
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The routes that may attach to a listener.</summary>
public sealed record GatewayAllowedRoutes : Extensible
{
    public GatewayRouteNamespaces? Namespaces { get; init; }
}

/// <summary>The namespaces of these routes.</summary>
public sealed record GatewayRouteNamespaces : Extensible
{
    /// <summary><c>All</c>, <c>Same</c> or <c>Selector</c>.</summary>
    public string From
    {
        get;
        init => field = value ?? "";
    } = "";
    public LabelSelector? Selector { get; init; }
}

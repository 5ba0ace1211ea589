using Serving.Api.Core;

namespace Serving.Api.Istio;

/// <summary>Listeners of the pods of a gateway (networking.istio.io/v1 Gateway).</summary>
public sealed record IstioGateway : KubernetesObject
{
    public IstioGatewaySpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The pods, and what they listen to.</summary>
public sealed record IstioGatewaySpec : Extensible
{
    /// <summary>The labels of the pods.</summary>
    public IReadOnlyDictionary<string, string> Selector
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public IReadOnlyList<IstioServer> Servers
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A port, its hosts and its certificate.</summary>
public sealed record IstioServer : Extensible
{
    [RequiredField]
    public IstioPort Port
    {
        get;
        init => field = value ?? new();
    } = new();

    [RequiredField]
    public IReadOnlyList<string> Hosts
    {
        get;
        init => field = value ?? [];
    } = [];
    public IstioServerTls? Tls { get; init; }
}

/// <summary>A port of a gateway.</summary>
public sealed record IstioPort : Extensible
{
    [RequiredField]
    public int Number { get; init; }

    /// <summary><c>HTTP</c>, <c>HTTP2</c>, <c>HTTPS</c>, and others that Routes do not use.</summary>
    [RequiredField]
    public string Protocol
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
}

/// <summary>TLS of a port.</summary>
public sealed record IstioServerTls : Extensible
{
    /// <summary>Redirects every request to HTTPS.</summary>
    public bool? HttpsRedirect { get; init; }

    /// <summary><c>SIMPLE</c>, <c>MUTUAL</c>, and others.</summary>
    public string Mode
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>A Secret in the namespace of the gateway's pods.</summary>
    public string CredentialName
    {
        get;
        init => field = value ?? "";
    } = "";
}

namespace Serving.Api.Istio;

/// <summary>How Istio connects to a Service (networking.istio.io/v1 DestinationRule).</summary>
public sealed record IstioDestinationRule : KubernetesObject
{
    public IstioDestinationRuleSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>A host, and the policies of its traffic.</summary>
public sealed record IstioDestinationRuleSpec : Extensible
{
    [RequiredField]
    public string Host
    {
        get;
        init => field = value ?? "";
    } = "";
    public IstioTrafficPolicy? TrafficPolicy { get; init; }
    public IReadOnlyList<IstioSubset> Subsets
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A policy that VirtualServices select by its name.</summary>
public sealed record IstioSubset : Extensible
{
    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public IstioTrafficPolicy? TrafficPolicy { get; init; }
}

/// <summary>How connections are made and balanced.</summary>
public sealed record IstioTrafficPolicy : Extensible
{
    public IstioLoadBalancer? LoadBalancer { get; init; }
    public IstioConnectionPool? ConnectionPool { get; init; }
    public IstioClientTls? Tls { get; init; }
}

/// <summary>How requests are spread.</summary>
public sealed record IstioLoadBalancer : Extensible
{
    /// <summary><c>LEAST_REQUEST</c>, <c>PASSTHROUGH</c>, and others.</summary>
    public string Simple
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The connections of HTTP.</summary>
public sealed record IstioConnectionPool : Extensible
{
    public IstioHttpPool? Http { get; init; }
}

/// <summary>Whether connections are upgraded to HTTP/2.</summary>
public sealed record IstioHttpPool : Extensible
{
    /// <summary><c>DEFAULT</c>, <c>UPGRADE</c> or <c>DO_NOT_UPGRADE</c>.</summary>
    public string H2UpgradePolicy
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>TLS of the connections to a host.</summary>
public sealed record IstioClientTls : Extensible
{
    /// <summary><c>SIMPLE</c>, and others.</summary>
    public string Mode
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>A Secret with the authority, in the namespace of the gateway's pods.</summary>
    public string CredentialName
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>One of them must be in the certificate.</summary>
    public IReadOnlyList<string> SubjectAltNames
    {
        get;
        init => field = value ?? [];
    } = [];
}

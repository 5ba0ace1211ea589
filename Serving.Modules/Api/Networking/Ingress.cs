using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>The routing for a network layer (networking.internal.knative.dev/v1alpha1 Ingress).</summary>
public sealed record Ingress : KnativeObject<IngressStatus>
{
    public IngressSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>Hosts, paths, splits and certificates.</summary>
public sealed record IngressSpec : Extensible
{
    public IReadOnlyList<IngressTls> Tls
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<IngressRule> Rules
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>Empty, <c>Enabled</c> or <c>Redirected</c>.</summary>
    public string HttpOption
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The certificate of a list of hosts.</summary>
public sealed record IngressTls : Extensible
{
    public IReadOnlyList<string> Hosts
    {
        get;
        init => field = value ?? [];
    } = [];
    public string SecretName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string SecretNamespace
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The paths of a list of hosts.</summary>
public sealed record IngressRule : Extensible
{
    public IReadOnlyList<string> Hosts
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary><c>ExternalIP</c> (default) or <c>ClusterLocal</c>.</summary>
    public string Visibility
    {
        get;
        init => field = value ?? "";
    } = "";
    public HttpIngressRuleValue? Http { get; init; }
}

/// <summary>The paths of a rule.</summary>
public sealed record HttpIngressRuleValue : Extensible
{
    [RequiredField]
    public IReadOnlyList<HttpIngressPath> Paths
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A path prefix and header matches, with their backends.</summary>
public sealed record HttpIngressPath : Extensible
{
    public string Path
    {
        get;
        init => field = value ?? "";
    } = "";
    public string RewriteHost
    {
        get;
        init => field = value ?? "";
    } = "";
    public IReadOnlyDictionary<string, HeaderMatch>? Headers { get; init; }

    [RequiredField]
    public IReadOnlyList<IngressBackendSplit> Splits
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyDictionary<string, string> AppendHeaders
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
}

/// <summary>The match of a header.</summary>
public sealed record HeaderMatch : Extensible
{
    [RequiredField, WrittenWhenEmpty]
    public string Exact
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A backend and its share of the traffic.</summary>
public sealed record IngressBackendSplit : Extensible
{
    [RequiredField]
    public string ServiceNamespace
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string ServiceName
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public IntOrString ServicePort { get; init; }

    /// <summary>Percent of the traffic, 0 to 100.</summary>
    public long Percent { get; init; }
    public IReadOnlyDictionary<string, string> AppendHeaders
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
}

/// <summary>The addresses of the Ingress.</summary>
public sealed record IngressStatus : KnativeStatus
{
    public IngressLoadBalancerStatus? PublicLoadBalancer { get; init; }
    public IngressLoadBalancerStatus? PrivateLoadBalancer { get; init; }
}

/// <summary>The addresses of one visibility.</summary>
public sealed record IngressLoadBalancerStatus : Extensible
{
    public IReadOnlyList<IngressLoadBalancerAddress> Ingress
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>An address: an IP, a domain, a cluster-internal domain, or the mesh only.</summary>
public sealed record IngressLoadBalancerAddress : Extensible
{
    public string Ip
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Domain
    {
        get;
        init => field = value ?? "";
    } = "";
    public string DomainInternal
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? MeshOnly { get; init; }
}

using Serving.Api.Core;

namespace Serving.Api.Networking;

/// <summary>What a network layer must route (networking.internal.knative.dev/v1alpha1 Ingress).</summary>
public sealed record Ingress : KnativeObject<IngressStatus>
{
    public IngressSpec Spec { get; init => field = value ?? new(); } = new();
}

/// <summary>Hosts, paths, splits and certificates.</summary>
public sealed record IngressSpec : Extensible
{
    public IReadOnlyList<IngressTls> Tls { get; init => field = value ?? []; } = [];
    public IReadOnlyList<IngressRule> Rules { get; init => field = value ?? []; } = [];

    /// <summary>Empty, <c>Enabled</c> or <c>Redirected</c>.</summary>
    public string HttpOption { get; init => field = value ?? ""; } = "";
}

/// <summary>The certificate of some hosts.</summary>
public sealed record IngressTls : Extensible
{
    public IReadOnlyList<string> Hosts { get; init => field = value ?? []; } = [];
    public string SecretName { get; init => field = value ?? ""; } = "";
    public string SecretNamespace { get; init => field = value ?? ""; } = "";
}

/// <summary>The paths of some hosts.</summary>
public sealed record IngressRule : Extensible
{
    public IReadOnlyList<string> Hosts { get; init => field = value ?? []; } = [];

    /// <summary><c>ExternalIP</c> (default) or <c>ClusterLocal</c>.</summary>
    public string Visibility { get; init => field = value ?? ""; } = "";
    public HttpIngressRuleValue? Http { get; init; }
}

/// <summary>The paths of a rule.</summary>
public sealed record HttpIngressRuleValue : Extensible
{
    [RequiredField]
    public IReadOnlyList<HttpIngressPath> Paths { get; init => field = value ?? []; } = [];
}

/// <summary>A path prefix with header matches and the backends it goes to.</summary>
public sealed record HttpIngressPath : Extensible
{
    public string Path { get; init => field = value ?? ""; } = "";
    public string RewriteHost { get; init => field = value ?? ""; } = "";
    public IReadOnlyDictionary<string, HeaderMatch>? Headers { get; init; }
    [RequiredField]
    public IReadOnlyList<IngressBackendSplit> Splits { get; init => field = value ?? []; } = [];
    public IReadOnlyDictionary<string, string> AppendHeaders { get; init => field = value ?? Empty.Map; } = Empty.Map;
}

/// <summary>How a header must look.</summary>
public sealed record HeaderMatch : Extensible
{
    [RequiredField, WrittenWhenEmpty]
    public string Exact { get; init => field = value ?? ""; } = "";
}

/// <summary>One backend and its share.</summary>
public sealed record IngressBackendSplit : Extensible
{
    [RequiredField]
    public string ServiceNamespace { get; init => field = value ?? ""; } = "";
    [RequiredField]
    public string ServiceName { get; init => field = value ?? ""; } = "";
    [RequiredField]
    public IntOrString ServicePort { get; init; }

    /// <summary>Percent of the traffic, 0 to 100.</summary>
    public long Percent { get; init; }
    public IReadOnlyDictionary<string, string> AppendHeaders { get; init => field = value ?? Empty.Map; } = Empty.Map;
}

/// <summary>At which addresses the Ingress answers.</summary>
public sealed record IngressStatus : KnativeStatus
{
    public IngressLoadBalancerStatus? PublicLoadBalancer { get; init; }
    public IngressLoadBalancerStatus? PrivateLoadBalancer { get; init; }
}

/// <summary>Addresses of one side.</summary>
public sealed record IngressLoadBalancerStatus : Extensible
{
    public IReadOnlyList<IngressLoadBalancerAddress> Ingress { get; init => field = value ?? []; } = [];
}

/// <summary>One address: an IP, a domain, a cluster-internal domain, or the mesh alone.</summary>
public sealed record IngressLoadBalancerAddress : Extensible
{
    public string Ip { get; init => field = value ?? ""; } = "";
    public string Domain { get; init => field = value ?? ""; } = "";
    public string DomainInternal { get; init => field = value ?? ""; } = "";
    public bool? MeshOnly { get; init; }
}

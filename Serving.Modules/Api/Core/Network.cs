namespace Serving.Api.Core;

/// <summary>A Kubernetes Service (core/v1); so named because Knative has its own Service.</summary>
public sealed record CoreService : KubernetesObject
{
    public CoreServiceSpec? Spec { get; init; }
    public CoreServiceStatus? Status { get; init; }
}

/// <summary>The specification of a Kubernetes Service.</summary>
public sealed record CoreServiceSpec : Extensible
{
    public IReadOnlyList<ServicePort> Ports
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyDictionary<string, string> Selector
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
    public string ClusterIP
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Type
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ExternalName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string SessionAffinity
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? PublishNotReadyAddresses { get; init; }
}

/// <summary>The status of a Kubernetes Service.</summary>
public sealed record CoreServiceStatus : Extensible
{
    public LoadBalancerStatus? LoadBalancer { get; init; }
}

/// <summary>The addresses of a load balancer.</summary>
public sealed record LoadBalancerStatus : Extensible
{
    public IReadOnlyList<LoadBalancerAddress> Ingress
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>One address of a load balancer.</summary>
public sealed record LoadBalancerAddress : Extensible
{
    public string Ip
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Hostname
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>A port of a Kubernetes Service.</summary>
public sealed record ServicePort : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Protocol
    {
        get;
        init => field = value ?? "";
    } = "";
    public string? AppProtocol { get; init; }

    [RequiredField]
    public int Port { get; init; }
    public IntOrString? TargetPort { get; init; }
    public int? NodePort { get; init; }
}

/// <summary>The addresses of a Service (core/v1 Endpoints).</summary>
public sealed record Endpoints : KubernetesObject
{
    public IReadOnlyList<EndpointSubset> Subsets
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>Addresses that share ports.</summary>
public sealed record EndpointSubset : Extensible
{
    public IReadOnlyList<EndpointAddress> Addresses
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<EndpointAddress> NotReadyAddresses
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<EndpointPort> Ports
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>An address of a Service.</summary>
public sealed record EndpointAddress : Extensible
{
    [RequiredField]
    public string Ip
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Hostname
    {
        get;
        init => field = value ?? "";
    } = "";
    public string? NodeName { get; init; }
    public ObjectReference? TargetRef { get; init; }
}

/// <summary>A port of an Endpoints or EndpointSlice.</summary>
public sealed record EndpointPort : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? Port { get; init; }
    public string Protocol
    {
        get;
        init => field = value ?? "";
    } = "";
    public string? AppProtocol { get; init; }
}

/// <summary>A subset of the addresses of a Service (discovery.k8s.io/v1 EndpointSlice).</summary>
public sealed record EndpointSlice : KubernetesObject
{
    [RequiredField]
    public string AddressType
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public IReadOnlyList<SliceEndpoint> Endpoints
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<EndpointPort> Ports
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>One endpoint of a slice.</summary>
public sealed record SliceEndpoint : Extensible
{
    [RequiredField]
    public IReadOnlyList<string> Addresses
    {
        get;
        init => field = value ?? [];
    } = [];
    public EndpointConditions? Conditions { get; init; }
    public ObjectReference? TargetRef { get; init; }
    public string? NodeName { get; init; }
}

/// <summary>The conditions of an endpoint. A missing <c>ready</c> means ready.</summary>
public sealed record EndpointConditions : Extensible
{
    public bool? Ready { get; init; }
    public bool? Serving { get; init; }
    public bool? Terminating { get; init; }
}

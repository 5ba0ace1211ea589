using Serving.Api.Core;

namespace Serving.Api.Istio;

/// <summary>How Istio routes the requests of hosts (networking.istio.io/v1 VirtualService).</summary>
public sealed record IstioVirtualService : KubernetesObject
{
    public IstioVirtualServiceSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>Hosts, the Gateways that they are routed at, and their routes.</summary>
public sealed record IstioVirtualServiceSpec : Extensible
{
    public IReadOnlyList<string> Hosts
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>As <c>namespace/name</c>, or <c>mesh</c> for the sidecars.</summary>
    public IReadOnlyList<string> Gateways
    {
        get;
        init => field = value ?? [];
    } = [];

    /// <summary>The first that matches counts.</summary>
    public IReadOnlyList<IstioHttpRoute> Http
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>Matches, any of which a request must meet, and where it goes.</summary>
public sealed record IstioHttpRoute : Extensible
{
    public IReadOnlyList<IstioHttpMatch> Match
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyList<IstioRouteDestination> Route
    {
        get;
        init => field = value ?? [];
    } = [];
    public IstioHttpRewrite? Rewrite { get; init; }

    /// <summary>Without it Istio retries twice; an empty one switches retries off.</summary>
    public IstioHttpRetry? Retries { get; init; }
    public IstioHeaders? Headers { get; init; }
}

/// <summary>What a request must meet; all of it.</summary>
public sealed record IstioHttpMatch : Extensible
{
    public IstioStringMatch? Uri { get; init; }
    public IstioStringMatch? Authority { get; init; }
    public IReadOnlyDictionary<string, IstioStringMatch>? Headers { get; init; }

    /// <summary>At which Gateways it applies.</summary>
    public IReadOnlyList<string> Gateways
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>A match of a string; one of the fields is set.</summary>
public sealed record IstioStringMatch : Extensible
{
    public string? Exact { get; init; }
    public string? Prefix { get; init; }
}

/// <summary>A destination and its share of the traffic.</summary>
public sealed record IstioRouteDestination : Extensible
{
    public IstioDestination Destination
    {
        get;
        init => field = value ?? new();
    } = new();

    /// <summary>Percent of the traffic; 0 for all where there is one destination.</summary>
    public int? Weight { get; init; }
    public IstioHeaders? Headers { get; init; }
}

/// <summary>A Service, and a subset of its pods that a DestinationRule defines.</summary>
public sealed record IstioDestination : Extensible
{
    [RequiredField]
    public string Host
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Subset
    {
        get;
        init => field = value ?? "";
    } = "";
    public IstioPortSelector? Port { get; init; }
}

/// <summary>A port of a Service.</summary>
public sealed record IstioPortSelector : Extensible
{
    public int Number { get; init; }
}

/// <summary>What is changed in a request before it is forwarded.</summary>
public sealed record IstioHttpRewrite : Extensible
{
    /// <summary>The new host.</summary>
    public string Authority
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>How failed requests are retried; an empty one says never.</summary>
public sealed record IstioHttpRetry : Extensible;

/// <summary>Changes of headers.</summary>
public sealed record IstioHeaders : Extensible
{
    public IstioHeaderOperations? Request { get; init; }
}

/// <summary>Headers that are set, whatever they were.</summary>
public sealed record IstioHeaderOperations : Extensible
{
    public IReadOnlyDictionary<string, string> Set
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
}

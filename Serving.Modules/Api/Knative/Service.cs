using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>A Knative Service (serving.knative.dev/v1): a Configuration and a Route with one name.</summary>
public sealed record Service : KnativeObject<ServiceStatus>
{
    public ServiceSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The Configuration's and the Route's specification, inlined.</summary>
public sealed record ServiceSpec : Extensible
{
    public RevisionTemplateSpec Template
    {
        get;
        init => field = value ?? new();
    } = new();
    public IReadOnlyList<TrafficTarget> Traffic
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The Configuration's and the Route's status, inlined.</summary>
public sealed record ServiceStatus : KnativeStatus
{
    public string LatestReadyRevisionName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string LatestCreatedRevisionName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Url
    {
        get;
        init => field = value ?? "";
    } = "";
    public Addressable? Address { get; init; }
    public IReadOnlyList<TrafficTarget> Traffic
    {
        get;
        init => field = value ?? [];
    } = [];
}

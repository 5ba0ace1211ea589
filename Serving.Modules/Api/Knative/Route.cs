using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>Maps a URL to Revisions, by percent and by tag (serving.knative.dev/v1 Route).</summary>
public sealed record Route : KnativeObject<RouteStatus>
{
    public RouteSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The desired traffic targets.</summary>
public sealed record RouteSpec : Extensible
{
    public IReadOnlyList<TrafficTarget> Traffic
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The actual traffic targets, and the addresses of the Route.</summary>
public sealed record RouteStatus : KnativeStatus, IRoutedStatus
{
    static ConditionSet IRoutedStatus.Set => RouteLifecycle.Conditions;

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

/// <summary>A traffic target.</summary>
public sealed record TrafficTarget : Extensible
{
    public string Tag
    {
        get;
        init => field = value ?? "";
    } = "";
    public string RevisionName
    {
        get;
        init => field = value ?? "";
    } = "";
    public string ConfigurationName
    {
        get;
        init => field = value ?? "";
    } = "";
    public bool? LatestRevision { get; init; }

    /// <summary>Percent of the traffic, 0 to 100.</summary>
    public long? Percent { get; init; }
    public string Url
    {
        get;
        init => field = value ?? "";
    } = "";
}

using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>Requests that metrics of a Revision be collected (autoscaling.internal.knative.dev/v1alpha1 Metric).</summary>
public sealed record Metric : KnativeObject<KnativeStatus>
{
    public MetricSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The source of the metrics and the windows. Durations are nanoseconds on the wire.</summary>
public sealed record MetricSpec : Extensible
{
    /// <summary>Nanoseconds.</summary>
    [RequiredField]
    public long StableWindow { get; init; }

    /// <summary>Nanoseconds.</summary>
    [RequiredField]
    public long PanicWindow { get; init; }

    /// <summary>The Kubernetes Service whose pods are scraped.</summary>
    [RequiredField]
    public string ScrapeTarget
    {
        get;
        init => field = value ?? "";
    } = "";
}

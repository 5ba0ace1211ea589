using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>The latest desired state of a workload, from which Revisions are created (serving.knative.dev/v1 Configuration).</summary>
public sealed record Configuration : KnativeObject<ConfigurationStatus>
{
    public ConfigurationSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The template of the next Revision.</summary>
public sealed record ConfigurationSpec : Extensible
{
    public RevisionTemplateSpec Template
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The names of the newest Revision and of the newest ready one.</summary>
public sealed record ConfigurationStatus : KnativeStatus
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
}

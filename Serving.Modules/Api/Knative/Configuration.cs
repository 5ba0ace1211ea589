using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>The latest wanted state of a workload, from which Revisions are stamped (serving.knative.dev/v1 Configuration).</summary>
public sealed record Configuration : KnativeObject<ConfigurationStatus>
{
    public ConfigurationSpec Spec { get; init => field = value ?? new(); } = new();
}

/// <summary>The template of the next Revision.</summary>
public sealed record ConfigurationSpec : Extensible
{
    public RevisionTemplateSpec Template { get; init => field = value ?? new(); } = new();
}

/// <summary>Which Revision is the newest, and which the newest that was ready.</summary>
public sealed record ConfigurationStatus : KnativeStatus
{
    public string LatestReadyRevisionName { get; init => field = value ?? ""; } = "";
    public string LatestCreatedRevisionName { get; init => field = value ?? ""; } = "";
}

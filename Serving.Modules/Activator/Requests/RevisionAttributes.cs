using Serving.Api.Knative;
using Serving.Api.WellKnown;
using Serving.Instruments;
using Serving.Observability.Requests;

namespace Serving.Activator.Requests;

/// <summary>The attributes of a revision in metrics, and the kinds of its requests. Immutable but for the kinds of requests.</summary>
internal sealed class RevisionAttributes(Revision revision)
{
    private readonly string _service = revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "");
    private readonly string _configuration = revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "");

    /// <summary>Namespace and Revision.</summary>
    public KeyValuePair<string, object?>[] Names { get; } =
    [RevisionNames.Namespace.Of(revision.Metadata.Namespace), RevisionNames.Revision.Of(revision.Metadata.Name)];

    /// <summary>Namespace, Revision, Service and Configuration.</summary>
    public KeyValuePair<string, object?>[] Owners { get; } =
        RevisionNames.Of(
            revision.Metadata.Namespace,
            revision.Metadata.Name,
            revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, ""),
            revision.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "")
        );

    /// <summary>The attributes of requests that were not proxied.</summary>
    public IReadOnlyList<KeyValuePair<string, object?>[]> Rejections => field ??= ActivatorMetrics.RejectionTags(Owners);

    /// <summary>The kinds of its requests.</summary>
    public RequestKinds Kinds { get; } = new();

    /// <summary>Whether these are still the attributes of a newer version of the revision.</summary>
    public bool AreOf(Revision newer) =>
        newer.Metadata.Labels.GetValueOrDefault(ServingKeys.Service, "") == _service
        && newer.Metadata.Labels.GetValueOrDefault(ServingKeys.Configuration, "") == _configuration;
}

using Serving.Api.WellKnown;

namespace Serving.Networking.Gateway.Telemetry;

/// <summary>What a Revision belongs to, by the labels of its Kubernetes Service. Names are empty where they are unknown.</summary>
/// <param name="Service">The Knative Service.</param>
/// <param name="Configuration">The Configuration.</param>
internal sealed record RevisionOwner(string Service, string Configuration)
{
    public static RevisionOwner Unknown { get; } = new("", "");

    public static RevisionOwner Of(IReadOnlyDictionary<string, string> labels) =>
        new(labels.GetValueOrDefault(ServingKeys.Service, ""), labels.GetValueOrDefault(ServingKeys.Configuration, ""));
}

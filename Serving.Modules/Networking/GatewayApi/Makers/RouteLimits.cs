using Serving.Api.Networking;
using Serving.Networking.Layers;

namespace Serving.Networking.GatewayApi.Makers;

/// <summary>What of an Ingress the schema of an HTTPRoute cannot express. More rules than one takes are spread over several.</summary>
internal static class RouteLimits
{
    /// <summary>How many backends a rule of an HTTPRoute takes, and how many hosts an HTTPRoute.</summary>
    public const int Most = 16;

    /// <summary>What exceeds the limits, and where; null for nothing.</summary>
    public static LayerFailure? Check(Ingress ingress)
    {
        foreach (var (index, rule) in ingress.Spec.Rules.Index())
        {
            if (rule.Hosts.Count > Most)
            {
                return Failure(
                    "TooManyHosts",
                    ingress,
                    $"spec.rules[{index}].hosts has {rule.Hosts.Count} entries, and an HTTPRoute takes {Most}"
                );
            }

            foreach (var (at, path) in (rule.Http?.Paths ?? []).Index())
            {
                if (path.Splits.Count > Most)
                {
                    return Failure(
                        "TooManyBackends",
                        ingress,
                        $"spec.rules[{index}].http.paths[{at}].splits has {path.Splits.Count} entries, and a rule of an HTTPRoute takes "
                            + $"{Most} backends: split traffic between fewer Revisions"
                    );
                }
            }
        }

        return null;
    }

    private static LayerFailure Failure(string reason, Ingress ingress, string what) =>
        new(reason, $"Ingress {ingress.Metadata.Namespace}/{ingress.Metadata.Name}: {what}");
}

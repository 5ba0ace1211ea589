using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Validates the annotations of pods that have a meaning for Kubernetes.</summary>
internal static class PodAnnotationRules
{
    private const string DeletionCost = "controller.kubernetes.io/pod-deletion-cost";

    /// <summary>Validates the annotations of a pod or of a pod template. A stored pod that already broke a rule may be updated.</summary>
    /// <param name="metadata">The metadata of the pod or of the template.</param>
    /// <param name="old">The stored metadata; null for a create.</param>
    /// <param name="path">The path of the metadata in the document.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonObject? metadata, JsonObject? old, string path, List<FieldError> errors)
    {
        if (
            metadata.String("annotations", DeletionCost) is { } cost
            && !IsCost(cost)
            && (old is null || old.String("annotations", DeletionCost) is not { } stored || IsCost(stored))
        )
            errors.Add(FieldError.Invalid($"{path}.annotations[{DeletionCost}]", cost, "must be a 32bit integer"));
    }

    // No plus sign and no leading zeros.
    private static bool IsCost(string text) =>
        (text == "0" || text is ['-' or (>= '1' and <= '9'), ..])
        && int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _);
}

using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>
/// Validates the <c>resizePolicy</c> of a container. There is no default to set: without a policy a resource is resized without a
/// restart (<c>NotRequired</c>).
/// </summary>
internal static class ResizePolicyRules
{
    private static readonly string[] Resources = ["cpu", "memory"];
    private static readonly string[] Policies = ["NotRequired", "RestartContainer"];

    /// <param name="container">The container.</param>
    /// <param name="isOnce">Whether it is an init container that is not restartable.</param>
    /// <param name="podRestartPolicy">The pod's restart policy.</param>
    /// <param name="path">The container's path in the document.</param>
    /// <param name="errors">The list to which errors are added.</param>
    public static void Check(JsonNode? container, bool isOnce, string? podRestartPolicy, string path, List<FieldError> errors)
    {
        var policies = container.Array("resizePolicy") ?? [];
        var here = $"{path}.resizePolicy";
        if (isOnce && policies.Count > 0)
        {
            errors.Add(FieldError.Invalid(here, policies, "must not be set for init containers"));
            return;
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < policies.Count; i++)
        {
            var (resource, policy) = (policies[i].String("resourceName") ?? "", policies[i].String("restartPolicy") ?? "");
            if (!seen.Add(resource))
                errors.Add(FieldError.Duplicate($"{here}[{i}]", resource));
            Known(resource, Resources, here, errors);
            Known(policy, Policies, here, errors);
            if (podRestartPolicy == "Never" && policy != "NotRequired")
                errors.Add(FieldError.Invalid(here, policy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
        }
    }

    private static void Known(string value, string[] supported, string path, List<FieldError> errors)
    {
        if (value.Length == 0)
            errors.Add(FieldError.Required(path));
        else if (!supported.Contains(value))
            errors.Add(FieldError.NotSupported(path, value, supported));
    }
}

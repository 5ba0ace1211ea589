using System.Text.Json;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.GoTypes;

namespace Serving.Api.Validation;

/// <summary>Validates security contexts; paths are relative to the context.</summary>
internal static class SecurityValidation
{
    private const string LowPorts = "NET_BIND_SERVICE";
    private static readonly string[] PodFields =
    [
        "runAsUser",
        "runAsGroup",
        "runAsNonRoot",
        "fsGroup",
        "supplementalGroups",
        "seccompProfile",
    ];

    // The reference never sees fields that Kubernetes does not know, so they are not rejected.
    private static readonly GoType Known = GoTypeTable.Struct("PodSecurityContext");

    /// <summary>Validates the pod's context, which is disallowed unless its feature is enabled; with secure defaults, a seccomp profile may
    /// still be set, by type only.</summary>
    public static FieldError Pod(JsonElement? context, FeaturesConfig features)
    {
        if (context is not { ValueKind: JsonValueKind.Object } element)
        {
            return FieldError.None;
        }

        var open =
            features.PodSpecSecurityContext != FeatureFlag.Disabled ? PodFields
            : features.SecurePodDefaults != SecurePodDefaults.Disabled
            && PodSecurity.SeccompType(context) is "RuntimeDefault" or "Unconfined"
            && PodSecurity.Member(PodSecurity.Member(context, "seccompProfile"), "localhostProfile") is null
                ? ["seccompProfile"]
            : [];
        string[] refused =
        [
            .. element
                .EnumerateObject()
                .Where(p => p.Value.ValueKind != JsonValueKind.Null)
                .Select(p => p.Name)
                .Where(n => Known.Members.ContainsKey(n) && !open.Contains(n))
                .Order(StringComparer.Ordinal),
        ];
        var errors = refused.Length == 0 ? FieldError.None : FieldError.Disallowed(refused);
        foreach (var field in new[] { "runAsUser", "runAsGroup", "fsGroup" })
        {
            errors += Id(Number(PodSecurity.Member(context, field)), field);
        }

        if (PodSecurity.Member(context, "supplementalGroups") is { ValueKind: JsonValueKind.Array } groups)
        {
            for (var i = 0; i < groups.GetArrayLength(); i++)
            {
                errors += Id(Number(groups[i]), "").ViaIndex("supplementalGroups", i);
            }
        }

        return errors;
    }

    /// <summary>Validates a container's context.</summary>
    public static FieldError Container(SecurityContext? context, FeaturesConfig features)
    {
        if (context is null)
        {
            return FieldError.None;
        }

        IEnumerable<string> open =
        [
            "capabilities",
            "readOnlyRootFilesystem",
            "runAsUser",
            "runAsGroup",
            "runAsNonRoot",
            "allowPrivilegeEscalation",
            "seccompProfile",
        ];
        open = context.Privileged == false ? open.Append("privileged") : open;
        return FieldMask.Check(context, open)
            + FieldMask.Check(context.Capabilities, OpenCapabilities(context.Capabilities, features)).Via("capabilities")
            + Id(context.RunAsUser, "runAsUser")
            + Id(context.RunAsGroup, "runAsGroup");
    }

    /// <summary>Warns about settings left to Kubernetes' insecure defaults. Dangerous settings that are explicit are the user's
    /// choice.</summary>
    public static FieldError InsecureDefaults(JsonElement? pod, SecurityContext? container, FeaturesConfig features)
    {
        if (features.SecurePodDefaults != SecurePodDefaults.Disabled)
        {
            return FieldError.None;
        }

        var context = container ?? new();
        var fields = new List<string>();
        if (PodSecurity.RunAsNonRoot(pod) is null && context.RunAsNonRoot is null)
        {
            fields.Add("runAsNonRoot");
        }

        if (context.AllowPrivilegeEscalation is null)
        {
            fields.Add("allowPrivilegeEscalation");
        }

        if (context.SeccompProfile is null && !PodSecurity.HasSeccompProfile(pod))
        {
            fields.Add("seccompProfile");
        }
        else if (context.SeccompProfile is not { Type.Length: > 0 } && PodSecurity.SeccompType(pod).Length == 0)
        {
            fields.Add("seccompProfile.type");
        }

        if (context.Capabilities is null)
        {
            fields.Add("capabilities");
        }
        else if (context.Capabilities.Drop is null)
        {
            fields.Add("capabilities.drop");
        }

        var warnings = fields.Aggregate(
            FieldError.None,
            (all, field) =>
                all
                + FieldError.Generic("Kubernetes default value is insecure, Knative may default this to secure in a future release", field)
        );
        if (context.Capabilities?.Drop is ["all", ..])
        {
            warnings += FieldError.Invalid("all", "capabilities.drop", "Must be spelled as 'ALL'");
        }

        return warnings.At(FieldErrorLevel.Warning);
    }

    private static string[] OpenCapabilities(Capabilities? capabilities, FeaturesConfig features) =>
        features.ContainerSpecAddCapabilities == FeatureFlag.Enabled
        || (features.SecurePodDefaults != SecurePodDefaults.Disabled && capabilities?.Add is [LowPorts])
            ? ["drop", "add"]
            : ["drop"];

    private static FieldError Id(long? id, string field) =>
        id is < 0 or > int.MaxValue ? FieldError.OutOfBounds(id, 0, int.MaxValue, field) : FieldError.None;

    private static long? Number(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var id) ? id : null;
}

using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>What a Configuration gets when it is written.</summary>
public static class ConfigurationDefaults
{
    /// <summary>The defaults of a Configuration.</summary>
    /// <param name="value">What is written.</param>
    /// <param name="old">What it replaces, null for a new object.</param>
    /// <param name="context">The configuration, the operation and the user.</param>
    public static Configuration Apply(Configuration value, Configuration? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var result = value with { Spec = value.Spec with { Template = Template(value.Spec.Template, old?.Spec.Template, value.Metadata, context) } };
        return result.Metadata.OwnerReferences.Count > 0
            ? result
            : result with { Metadata = UserStamp.Apply(result.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, result.Spec), context) };
    }

    /// <summary>
    /// The defaults of a template. One that keeps a name of its user's own is left alone: a new default would be a change
    /// without a change of name, which is refused.
    /// </summary>
    internal static RevisionTemplateSpec Template(RevisionTemplateSpec template, RevisionTemplateSpec? old, ObjectMeta parent, AdmissionContext context)
        => old is not null && template.Metadata.Name.Length > 0 && template.Metadata.Name == old.Metadata.Name
            ? template
            : template with { Spec = RevisionDefaults.Apply(template.Spec, parent, context) };
}

using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Validation;

namespace Serving.Api.Defaults;

/// <summary>Defaults of Configurations.</summary>
public static class ConfigurationDefaults
{
    /// <summary>Applies the defaults of a Configuration.</summary>
    /// <param name="value">The object.</param>
    /// <param name="old">The previous version, null on create.</param>
    /// <param name="context">The configuration, the operation and the user.</param>
    public static Configuration Apply(Configuration value, Configuration? old, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(context);
        var result = value with
        {
            Spec = value.Spec with { Template = Template(value.Spec.Template, old?.Spec.Template, value.Metadata, context) },
        };
        return result.Metadata.OwnerReferences.Count > 0
            ? result
            : result with
            {
                Metadata = UserStamp.Apply(result.Metadata, old is not null && ApiEquality.MeanSame(old.Spec, result.Spec), context),
            };
    }

    /// <summary>
    /// Applies the defaults of a template. A template that keeps a user-provided name is left unchanged: a new default would be a change
    /// without a change of name, which is rejected.
    /// </summary>
    internal static RevisionTemplateSpec Template(
        RevisionTemplateSpec template,
        RevisionTemplateSpec? old,
        ObjectMeta parent,
        AdmissionContext context
    ) =>
        old is not null && template.Metadata.Name.Length > 0 && template.Metadata.Name == old.Metadata.Name
            ? template
            : template with
            {
                Spec = RevisionDefaults.Apply(template.Spec, parent, context),
            };
}

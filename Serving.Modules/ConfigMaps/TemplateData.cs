using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Templates;

namespace Serving.ConfigMaps;

/// <summary>Our values as templates see them, with the field names that Go's structs have.</summary>
internal static class TemplateData
{
    public static TemplateRecord Of(ObjectMeta meta) => new(
        "v1.ObjectMeta",
        ("Name", meta.Name),
        ("GenerateName", meta.GenerateName),
        ("Namespace", meta.Namespace),
        ("UID", meta.Uid),
        ("ResourceVersion", meta.ResourceVersion),
        ("Generation", meta.Generation ?? 0L),
        ("Labels", meta.Labels),
        ("Annotations", meta.Annotations));

    public static TemplateRecord Of(DomainTemplateValues values) => new(
        "config.DomainTemplateValues",
        ("Name", values.Name),
        ("Namespace", values.Namespace),
        ("Domain", values.Domain),
        ("Annotations", values.Annotations),
        ("Labels", values.Labels));

    public static TemplateRecord Of(TagTemplateValues values) => new(
        "config.TagTemplateValues", ("Name", values.Name), ("Tag", values.Tag));
}

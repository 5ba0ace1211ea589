using System.Text.Json;
using Serving.Api.GoTypes;

namespace Serving.Api.Validation;

/// <summary>Reports changes of immutable parts, in the notation of the reference's messages.</summary>
internal static class ShortDiff
{
    /// <summary>The differences between two revision specifications, empty for none.</summary>
    public static string OfSpec(JsonElement old, JsonElement current) =>
        GoComparison.Differences(old, current, GoTypeTable.RevisionSpec, "{v1.RevisionSpec}");

    /// <summary>The differences between two templates, empty for none.</summary>
    public static string OfTemplate(JsonElement old, JsonElement current) =>
        GoComparison.Differences(old, current, GoTypeTable.RevisionTemplate, "{*v1.RevisionTemplateSpec}");
}

using System.Text.Json;
using Serving.Api.GoTypes;

namespace Serving.Api.Validation;

/// <summary>Tells what must not change and did, in the notation of the reference's messages.</summary>
internal static class ShortDiff
{
    /// <summary>The differences of two revision specifications, empty when there are none.</summary>
    public static string OfSpec(JsonElement old, JsonElement current)
        => GoComparison.Differences(old, current, GoTypeTable.RevisionSpec, "{v1.RevisionSpec}");

    /// <summary>The differences of two templates, empty when there are none.</summary>
    public static string OfTemplate(JsonElement old, JsonElement current)
        => GoComparison.Differences(old, current, GoTypeTable.RevisionTemplate, "{*v1.RevisionTemplateSpec}");
}

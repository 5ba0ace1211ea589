using System.Text.Json.Nodes;
using Serving.Api.Core;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Brings parts of pods to one form, so that documents of the same meaning compare equal: quantities by their amount, empty lists
/// and maps like absent ones.</summary>
internal static class ComparablePod
{
    /// <summary>A copy of a container in that form.</summary>
    public static JsonNode? Container(JsonNode? container)
    {
        if (container?.DeepClone() is not JsonObject copy)
            return container;
        if (copy["resources"] is JsonObject resources)
        {
            foreach (var list in (string[])["limits", "requests"])
            {
                foreach (var (name, amount) in (resources.Object(list) ?? []).ToList())
                {
                    if (amount is not null)
                        resources[list]![name] = new Quantity(amount.ToString()).ToCanonical().Text;
                }

                if (resources[list] is JsonObject { Count: 0 })
                    resources.Remove(list);
            }

            if (resources["claims"] is JsonArray { Count: 0 })
                resources.Remove("claims");
            if (resources.Count == 0)
                copy.Remove("resources");
        }

        if (copy["resizePolicy"] is JsonArray { Count: 0 })
            copy.Remove("resizePolicy");
        return copy;
    }
}

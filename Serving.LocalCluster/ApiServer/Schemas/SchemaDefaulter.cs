using System.Text.Json.Nodes;

namespace Serving.LocalCluster.ApiServer.Schemas;

/// <summary>Sets a custom resource's defaults; a null that is not nullable is replaced by its default.</summary>
internal static class SchemaDefaulter
{
    public static void Apply(Schema schema, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                foreach (var (name, property) in schema.Properties)
                {
                    if (
                        property.Default is not null
                        && (!map.TryGetPropertyValue(name, out var value) || (value is null && !property.IsNullable))
                    )
                        map[name] = property.Default.DeepClone();
                    if (map.TryGetPropertyValue(name, out var present))
                        Apply(property, present);
                }

                if (schema.Values is not null)
                {
                    foreach (var (name, value) in map)
                    {
                        if (!schema.Properties.ContainsKey(name))
                            Apply(schema.Values, value);
                    }
                }

                break;
            case JsonArray list when schema.Items is not null:
                foreach (var item in list)
                    Apply(schema.Items, item);
                break;
        }
    }
}

using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>The columns of a definition's additionalPrinterColumns, after the name.</summary>
internal static class CustomColumns
{
    public static List<TableColumn> Read(JsonArray columns)
    {
        var read = new List<TableColumn> { BuiltInColumns.Name };
        foreach (var column in columns.OfType<JsonObject>())
        {
            var type = column.String("type") ?? "string";
            var path = JsonPath.Parse(column.String("jsonPath") ?? "");
            read.Add(
                new TableColumn(
                    column.String("name") ?? "",
                    type,
                    (int)(column.Integer("priority") ?? 0),
                    column.String("format") ?? "",
                    column.String("description") ?? "",
                    (document, now) => Cell(path, type, document, now)
                )
            );
        }

        return read;
    }

    private static JsonNode? Cell(JsonPath path, string type, JsonObject document, DateTimeOffset now)
    {
        var found = path.Find(document);
        if (found.Count == 0)
            return null;
        switch (type)
        {
            case "date":
                return found[0] is JsonValue time && time.GetValueKind() == JsonValueKind.String
                    ? TableWriter.Age(time.GetValue<string>(), now)
                    : "<unknown>";
            case "integer" or "number" or "boolean":
                return found[0]?.DeepClone();
            default:
                return string.Join(
                    ',',
                    found.Select(f =>
                        f is null ? ""
                        : f.GetValueKind() == JsonValueKind.String ? f.GetValue<string>()
                        : Json.Text(f)
                    )
                );
        }
    }
}

using System.Globalization;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Tables;

/// <summary>Writes objects as the tables that kubectl prints.</summary>
internal static class TableWriter
{
    /// <summary>A table of objects.</summary>
    /// <param name="resource">Their kind.</param>
    /// <param name="documents">The objects.</param>
    /// <param name="includeObject">The object in each row: <c>None</c>, <c>Metadata</c> (the default) or <c>Object</c>.</param>
    /// <param name="now">The current time, for ages.</param>
    public static JsonObject Table(ResourceInfo resource, IEnumerable<JsonObject> documents, string? includeObject, DateTimeOffset now)
    {
        var columns = resource.Custom is { Columns: { Count: > 0 } custom } ? CustomColumns.Read(custom) : BuiltInColumns.Of(resource);
        var rows = new JsonArray();
        foreach (var document in documents)
        {
            var cells = new JsonArray();
            foreach (var column in columns)
                cells.Add(column.Cell(document, now));
            var row = new JsonObject { ["cells"] = cells };
            if (includeObject != "None")
                row["object"] = includeObject == "Object" ? document : Representation.MetadataOf(document);
            rows.Add(row);
        }

        return new JsonObject
        {
            ["kind"] = "Table",
            ["apiVersion"] = "meta.k8s.io/v1",
            ["metadata"] = new JsonObject(),
            ["columnDefinitions"] = new JsonArray([.. columns.Select(c => (JsonNode)c.Definition())]),
            ["rows"] = rows,
        };
    }

    /// <summary>The age of a time, in kubectl's format: <c>5s</c>, <c>3m20s</c>, <c>4h</c>, <c>12d</c>.</summary>
    public static string Age(string? time, DateTimeOffset now)
    {
        if (!DateTimeOffset.TryParse(time, CultureInfo.InvariantCulture, DateTimeStyles.RoundtripKind, out var at))
            return "<unknown>";
        return Duration(now - at);
    }

    /// <summary>A duration in the same format.</summary>
    public static string Duration(TimeSpan span)
    {
        var seconds = (long)span.TotalSeconds;
        if (seconds < -1)
            return "<invalid>";
        var (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        if (seconds <= 0)
            return "0s";
        if (seconds < 120)
            return $"{seconds}s";
        if (minutes < 10)
            return With(minutes, "m", seconds % 60, "s");
        if (minutes < 180)
            return $"{minutes}m";
        if (hours < 8)
            return With(hours, "h", minutes % 60, "m");
        if (hours < 48)
            return $"{hours}h";
        if (hours < 192)
            return With(days, "d", hours % 24, "h");
        if (days < 730)
            return $"{days}d";
        return days < 2920 ? With(days / 365, "y", days % 365, "d") : $"{days / 365}y";
    }

    private static string With(long whole, string unit, long rest, string restUnit) =>
        rest == 0 ? $"{whole}{unit}" : $"{whole}{unit}{rest}{restUnit}";
}

/// <summary>One column.</summary>
/// <param name="Name">Its heading.</param>
/// <param name="Type">The OpenAPI type of its cells.</param>
/// <param name="Priority">0 is always shown, higher ones only in wide output.</param>
/// <param name="Format">The OpenAPI format; <c>name</c> for the first column.</param>
/// <param name="Description">The description of the column.</param>
/// <param name="Cell">Creates a cell.</param>
internal sealed record TableColumn(
    string Name,
    string Type,
    int Priority,
    string Format,
    string Description,
    Func<JsonObject, DateTimeOffset, JsonNode?> Cell
)
{
    public JsonObject Definition() =>
        new()
        {
            ["name"] = Name,
            ["type"] = Type,
            ["format"] = Format,
            ["description"] = Description,
            ["priority"] = Priority,
        };
}

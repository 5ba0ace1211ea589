using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Kinds;

/// <summary>Reads the built-in kinds from <c>kinds.table</c>, which describes its own syntax.</summary>
internal static class BuiltInKinds
{
    /// <summary>Reads all kinds.</summary>
    /// <param name="without">A subresource that is not served; empty for none.</param>
    public static IReadOnlyList<ResourceInfo> Load(string without = "")
    {
        using var stream = typeof(BuiltInKinds).Assembly.GetManifestResourceStream("kinds.table")!;
        using var reader = new StreamReader(stream);
        var kinds = new List<ResourceInfo>();
        while (reader.ReadLine() is { } line)
        {
            if (!line.StartsWith('#') && line.Length > 0)
                kinds.Add(Parse(line.Split(' '), without));
        }

        return kinds;
    }

    private static ResourceInfo Parse(string[] columns, string without)
    {
        var slash = columns[0].IndexOf('/', StringComparison.Ordinal);
        var type = columns[1];
        var kind = type[(type.LastIndexOf('.') + 1)..];
        var subresources = Names(columns[6]);
        return new ResourceInfo
        {
            Group = slash < 0 ? "" : columns[0][..slash],
            Version = columns[0][(slash + 1)..],
            Kind = kind,
            ListKind = kind == "Endpoints" ? "EndpointsList" : kind + "List",
            Plural = columns[2],
            Singular = kind.ToLowerInvariant(),
            IsNamespaced = columns[3] == "n",
            ShortNames = Names(columns[4]),
            Categories = Names(columns[5]),
            IsCreateOnly = subresources is ["create"],
            Subresources = subresources is ["create"]
                ? new HashSet<string>()
                : subresources.Where(s => s != without).ToHashSet(StringComparer.Ordinal),
            Schema = BuiltInSchemas.Instance[type],
        };
    }

    private static string[] Names(string column) => column == "-" ? [] : column.Split(',');
}

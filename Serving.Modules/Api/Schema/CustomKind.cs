namespace Serving.Api.Schema;

/// <summary>A column of <c>kubectl get</c>.</summary>
internal sealed record PrinterColumn(string Name, string Type, string JsonPath);

/// <summary>A custom kind as its definition presents it: what is not in the schema.</summary>
internal sealed record CustomKind(ResourceType Resource, Type Record, string Description)
{
    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public IReadOnlyList<string> Categories { get; init; } = [];
    public IReadOnlyList<PrinterColumn> Columns { get; init; } = [];

    /// <summary>Labels beside those that every definition has.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Core.Empty.Map;
}

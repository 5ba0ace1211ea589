namespace Serving.Api.Schema;

/// <summary>A column of <c>kubectl get</c>.</summary>
internal sealed record PrinterColumn(string Name, string Type, string JsonPath);

/// <summary>The parts of a custom resource definition outside of its schema.</summary>
internal sealed record CustomKind(ResourceType Resource, Type Record, string Description)
{
    public IReadOnlyList<string> ShortNames { get; init; } = [];
    public IReadOnlyList<string> Categories { get; init; } = [];
    public IReadOnlyList<PrinterColumn> Columns { get; init; } = [];

    /// <summary>Labels in addition to those of every definition.</summary>
    public IReadOnlyDictionary<string, string> Labels { get; init; } = Core.Empty.Map;
}

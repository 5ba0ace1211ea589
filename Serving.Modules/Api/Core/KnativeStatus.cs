namespace Serving.Api.Core;

/// <summary>The status fields of every Knative kind (duck/v1 Status).</summary>
public record KnativeStatus : Extensible
{
    public long? ObservedGeneration { get; init; }
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
    public IReadOnlyDictionary<string, string> Annotations
    {
        get;
        init => field = value ?? Empty.Map;
    } = Empty.Map;
}

/// <summary>An address at which an object can be called (duck/v1 Addressable).</summary>
public sealed record Addressable : Extensible
{
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Url
    {
        get;
        init => field = value ?? "";
    } = "";

    [System.Text.Json.Serialization.JsonPropertyName("CACerts")]
    public string CACerts
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Audience
    {
        get;
        init => field = value ?? "";
    } = "";
}

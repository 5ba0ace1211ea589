namespace Serving.Api.GatewayApi;

/// <summary>A Gateway that a route attaches to, or one of its listeners.</summary>
public sealed record GatewayParentReference : Extensible
{
    public string Group
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>The name of a listener; empty for all that admit the route.</summary>
    public string SectionName
    {
        get;
        init => field = value ?? "";
    } = "";
    public int? Port { get; init; }
}

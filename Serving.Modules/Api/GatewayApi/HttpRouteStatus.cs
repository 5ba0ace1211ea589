using Serving.Api.Core;

namespace Serving.Api.GatewayApi;

/// <summary>What the controllers of the Gateways say; read only.</summary>
public sealed record HttpRouteStatus : Extensible
{
    [RequiredField]
    public IReadOnlyList<HttpRouteParentStatus> Parents
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>What one controller says of the route at one Gateway.</summary>
public sealed record HttpRouteParentStatus : Extensible
{
    [RequiredField]
    public GatewayParentReference ParentRef
    {
        get;
        init => field = value ?? new();
    } = new();

    [RequiredField]
    public string ControllerName
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary><c>Accepted</c> and <c>ResolvedRefs</c> among others.</summary>
    [RequiredField]
    public IReadOnlyList<Condition> Conditions
    {
        get;
        init => field = value ?? [];
    } = [];
}

namespace Serving.Api.GatewayApi;

/// <summary>
/// An entry for traffic, which the operator of the cluster makes (gateway.networking.k8s.io/v1 Gateway). We add listeners and keep all
/// else.
/// </summary>
public sealed record KubernetesGateway : KubernetesObject
{
    public GatewaySpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
    public GatewayStatus? Status { get; init; }
}

/// <summary>The class and the listeners.</summary>
public sealed record GatewaySpec : Extensible
{
    [RequiredField]
    public string GatewayClassName
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>1 to 64; the combination of port, protocol and hostname is unique.</summary>
    [RequiredField]
    public IReadOnlyList<GatewayListener> Listeners
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The addresses of the Gateway.</summary>
public sealed record GatewayStatus : Extensible
{
    public IReadOnlyList<GatewayAddress> Addresses
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>An address.</summary>
public sealed record GatewayAddress : Extensible
{
    /// <summary><c>IPAddress</c> (default), <c>Hostname</c> or another type.</summary>
    public string? Type { get; init; }

    [RequiredField]
    public string Value
    {
        get;
        init => field = value ?? "";
    } = "";
}

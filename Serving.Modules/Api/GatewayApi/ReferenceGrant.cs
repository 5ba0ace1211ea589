namespace Serving.Api.GatewayApi;

/// <summary>Lets objects of another namespace refer to objects of this one (gateway.networking.k8s.io/v1beta1 ReferenceGrant).</summary>
public sealed record ReferenceGrant : KubernetesObject
{
    public ReferenceGrantSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>Who may refer to what.</summary>
public sealed record ReferenceGrantSpec : Extensible
{
    [RequiredField]
    public IReadOnlyList<ReferenceGrantFrom> From
    {
        get;
        init => field = value ?? [];
    } = [];

    [RequiredField]
    public IReadOnlyList<ReferenceGrantTo> To
    {
        get;
        init => field = value ?? [];
    } = [];
}

/// <summary>The kind and namespace of those that may refer.</summary>
public sealed record ReferenceGrantFrom : Extensible
{
    [RequiredField]
    public string Group
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Namespace
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>What they may refer to.</summary>
public sealed record ReferenceGrantTo : Extensible
{
    [RequiredField]
    public string Group
    {
        get;
        init => field = value ?? "";
    } = "";

    [RequiredField]
    public string Kind
    {
        get;
        init => field = value ?? "";
    } = "";

    /// <summary>Empty for every object of the kind.</summary>
    public string Name
    {
        get;
        init => field = value ?? "";
    } = "";
}

using Serving.Api.Conditions;
using Serving.Api.Core;

namespace Serving.Api.Knative;

/// <summary>Maps a custom domain to an addressable object (serving.knative.dev/v1beta1 DomainMapping).</summary>
public sealed record DomainMapping : KnativeObject<DomainMappingStatus>
{
    public DomainMappingSpec Spec
    {
        get;
        init => field = value ?? new();
    } = new();
}

/// <summary>The target of the domain.</summary>
public sealed record DomainMappingSpec : Extensible
{
    [RequiredField]
    public ObjectReference Ref
    {
        get;
        init => field = value ?? new();
    } = new();
    public SecretTls? Tls { get; init; }
}

/// <summary>The Secret of a user-provided certificate.</summary>
public sealed record SecretTls : Extensible
{
    [RequiredField]
    public string SecretName
    {
        get;
        init => field = value ?? "";
    } = "";
}

/// <summary>The address of the mapping.</summary>
public sealed record DomainMappingStatus : KnativeStatus, IRoutedStatus
{
    static ConditionSet IRoutedStatus.Set => DomainMappingLifecycle.Conditions;

    public string Url
    {
        get;
        init => field = value ?? "";
    } = "";
    public Addressable? Address { get; init; }
}

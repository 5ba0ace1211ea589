using Serving.Api.Core;

namespace Serving.Api;

/// <summary>The base of kinds with Knative's status: conditions and the observed generation.</summary>
/// <typeparam name="TStatus">The type of the status.</typeparam>
public abstract record KnativeObject<TStatus> : KubernetesObject
    where TStatus : KnativeStatus, new()
{
    /// <summary>The observed state; written through the status subresource only.</summary>
    public TStatus Status
    {
        get;
        init => field = value ?? new();
    } = new();
}

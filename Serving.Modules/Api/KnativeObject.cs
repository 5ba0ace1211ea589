using Serving.Api.Core;

namespace Serving.Api;

/// <summary>The base of the kinds that have Knative's status: conditions and the generation that they are about.</summary>
/// <typeparam name="TStatus">What the status says beside that.</typeparam>
public abstract record KnativeObject<TStatus> : KubernetesObject
    where TStatus : KnativeStatus, new()
{
    /// <summary>What a controller has found out; written through the status subresource only.</summary>
    public TStatus Status { get; init => field = value ?? new(); } = new();
}

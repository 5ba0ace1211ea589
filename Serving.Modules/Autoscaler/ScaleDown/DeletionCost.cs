using Serving.Api.Core;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>A cost to write.</summary>
/// <param name="Pod">The pod.</param>
/// <param name="Cost">The value of the annotation.</param>
internal sealed record DeletionCost(Pod Pod, int Cost);

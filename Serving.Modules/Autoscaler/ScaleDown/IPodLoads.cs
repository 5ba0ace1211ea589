using Serving.Api.Core;
using Serving.Kubernetes;

namespace Serving.Autoscaler.ScaleDown;

/// <summary>Asks pods how busy they are.</summary>
internal interface IPodLoads
{
    /// <summary>
    /// The requests in flight of each pod, in the same order; null for one that does not respond within a second, and for all where pods
    /// cannot be addressed.
    /// </summary>
    /// <param name="revision">The revision.</param>
    /// <param name="pods">Its ready pods.</param>
    /// <param name="service">The Service of the pods, as which a mesh passes requests to single pods.</param>
    /// <param name="cancellation">Cancels the requests.</param>
    Task<int?[]> InFlightAsync(ObjectKey revision, IReadOnlyList<Pod> pods, string service, CancellationToken cancellation);
}

using Serving.Api;
using Serving.Api.Networking;
using Serving.Api.WellKnown;

namespace Serving.Networking.Layers;

/// <summary>What identifies a network layer.</summary>
/// <param name="Name">The name of its module, as <c>istio</c>.</param>
/// <param name="Product">The product that users install, as messages name it: <c>Istio</c>.</param>
/// <param name="IngressClass">The class of the Ingresses that it serves.</param>
/// <param name="Kinds">The kinds that it follows only when it is used, because a cluster may lack them, or the process the right to list
/// them.</param>
public sealed record NetworkLayer(string Name, string Product, string IngressClass, IReadOnlyList<ResourceType> Kinds)
{
    /// <summary>
    /// The finalizer of all network layers, as Knative's controllers name it: a layer that takes over from one of those removes the same
    /// finalizer.
    /// </summary>
    public const string Finalizer = "ingresses.networking.internal.knative.dev";

    /// <summary>
    /// The names of the Leases of the controller that does the same, without the number of the bucket. While it holds one, the module
    /// stands by.
    /// </summary>
    public IReadOnlyList<string> Controllers { get; init; } = [];

    /// <summary>Whether the Ingress has this class. An Ingress without a class has none: its Route writes the configured one.</summary>
    public bool Serves(Ingress ingress)
    {
        ArgumentNullException.ThrowIfNull(ingress);
        return NetworkingKeys.IngressClass.Value(ingress.Metadata.Annotations) == IngressClass;
    }
}

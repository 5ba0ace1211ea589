using Serving.Api.Config;
using Serving.Kubernetes;
using Serving.Kubernetes.Reconcilers;

namespace Serving.Networking.Layers;

/// <summary>A loop of a layer besides that of Ingresses.</summary>
/// <param name="Loop">The loop.</param>
/// <param name="Keys">Everything that it reconciles.</param>
/// <param name="Concerned">Whether a change of the configuration, from the first to the second, concerns all of it.</param>
public sealed record LayerLoop(ReconcileLoop Loop, Func<IEnumerable<ObjectKey>> Keys, Func<ConfigSnapshot, ConfigSnapshot, bool> Concerned)
{
    internal void Resync(ConfigSnapshot old, ConfigSnapshot current)
    {
        if (Concerned(old, current))
        {
            foreach (var key in Keys())
            {
                Loop.Enqueue(key);
            }
        }
    }
}

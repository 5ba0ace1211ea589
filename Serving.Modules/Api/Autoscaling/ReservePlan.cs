using Serving.Api.Core;

namespace Serving.Api.Autoscaling;

/// <summary>
/// What parking changes in a pod of a template. Invariants: a resize may not change the QoS class, nor add or remove a request or limit, so
/// only what the template sets is lowered. Limits are lowered only in a Guaranteed pod, where they equal the requests: elsewhere a limit
/// reserves nothing on a node, and a lower one would throttle the request that wakes the pod, or kill the program that serves it.
/// </summary>
/// <param name="Class">The QoS class of the pods.</param>
/// <param name="Changes">The changes; empty when every request is already as low as the reserve.</param>
public sealed record ReservePlan(QosClass Class, IReadOnlyList<ReserveChange> Changes)
{
    public const string Cpu = "cpu";
    public const string Memory = "memory";

    private static readonly string[] Resources = [Cpu, Memory];

    /// <summary>The plan for the pods of a template.</summary>
    /// <param name="template">The specification of the pods, with the sidecar.</param>
    /// <param name="reserve">The most that a container requests while parked.</param>
    public static ReservePlan Of(PodSpec template, ReserveSettings reserve)
    {
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(reserve);
        var qos = PodQos.Of(template);
        if (qos == QosClass.BestEffort)
            return new ReservePlan(qos, []);
        var changes = new List<ReserveChange>();
        foreach (var container in template.Containers)
        {
            foreach (var resource in Resources)
            {
                if (
                    PodQos.RequestOf(container, resource) is { } full
                    && full.TryGetAmount(out var amount)
                    && reserve.Of(resource) is { } least
                    && least.TryGetAmount(out var most)
                    && most < amount
                )
                {
                    changes.Add(new ReserveChange(container.Name, resource, full, least, WithLimit: qos == QosClass.Guaranteed));
                }
            }
        }

        return new ReservePlan(qos, changes);
    }

    /// <summary>The sum of a resource over all containers, in base units: at full size, and parked.</summary>
    public (decimal Full, decimal Parked) Sum(string resource)
    {
        var (full, parked) = (0m, 0m);
        foreach (var change in Changes)
        {
            if (change.Resource == resource && change.Full.TryGetAmount(out var whole) && change.Parked.TryGetAmount(out var rest))
                (full, parked) = (full + whole, parked + rest);
        }

        return (full, parked);
    }
}

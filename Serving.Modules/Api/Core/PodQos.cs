namespace Serving.Api.Core;

/// <summary>Derives the QoS class of a pod from its specification, as Kubernetes' API server does when it creates the pod.</summary>
public static class PodQos
{
    private const string Cpu = "cpu";
    private const string Memory = "memory";

    /// <summary>The class of pods with this specification. Amounts of zero count as not set.</summary>
    public static QosClass Of(PodSpec spec)
    {
        ArgumentNullException.ThrowIfNull(spec);
        var isGuaranteed = true;
        var isSet = false;
        foreach (var container in spec.Containers.Concat(spec.InitContainers))
        {
            foreach (var resource in (ReadOnlySpan<string>)[Cpu, Memory])
            {
                var (request, limit) = (Amount(RequestOf(container, resource)), Amount(LimitOf(container, resource)));
                isSet |= request > 0 || limit > 0;
                isGuaranteed &= limit > 0 && request == limit;
            }
        }

        return !isSet ? QosClass.BestEffort
            : isGuaranteed ? QosClass.Guaranteed
            : QosClass.Burstable;
    }

    /// <summary>The request of a container once it is in a pod: the API server sets a missing one to the limit.</summary>
    public static Quantity? RequestOf(Container container, string resource)
    {
        ArgumentNullException.ThrowIfNull(container);
        return Find(container.Resources?.Requests, resource) ?? LimitOf(container, resource);
    }

    /// <summary>The limit of a container.</summary>
    public static Quantity? LimitOf(Container container, string resource)
    {
        ArgumentNullException.ThrowIfNull(container);
        return Find(container.Resources?.Limits, resource);
    }

    private static Quantity? Find(IReadOnlyDictionary<string, Quantity>? amounts, string resource) =>
        amounts is not null && amounts.TryGetValue(resource, out var amount) ? amount : (Quantity?)null;

    private static decimal Amount(Quantity? quantity) => quantity is { } set && set.TryGetAmount(out var amount) ? amount : 0;
}

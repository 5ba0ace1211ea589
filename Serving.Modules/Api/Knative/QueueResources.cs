using System.Globalization;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.WellKnown;

namespace Serving.Api.Knative;

/// <summary>
/// The resource requests and limits of the sidecar: config-deployment's values, then a percentage of the user container's (within bounds),
/// then the Revision's own annotations; the last one that is set wins.
/// </summary>
public static class QueueResources
{
    private const decimal Mi = 1024 * 1024;

    // The maximum of the reference's 64-bit milli-units; larger amounts are clamped to the same bounds.
    private const decimal MostAmount = long.MaxValue / 1000m;

    /// <summary>The sidecar's requests and limits.</summary>
    /// <param name="config">config-deployment.</param>
    /// <param name="annotations">The annotations of the Revision.</param>
    /// <param name="user">The resources of the user container.</param>
    /// <param name="useDefaults">Whether a value that config-deployment does not set has a default.</param>
    public static ResourceRequirements Make(
        DeploymentConfig config,
        IReadOnlyDictionary<string, string> annotations,
        ResourceRequirements? user,
        bool useDefaults
    )
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(annotations);
        var requests = new SortedDictionary<string, Quantity>(StringComparer.Ordinal);
        var limits = new SortedDictionary<string, Quantity>(StringComparer.Ordinal);
        Set(requests, "cpu", config.QueueSidecarCpuRequest ?? Default("25m"));
        Set(limits, "cpu", config.QueueSidecarCpuLimit ?? Default("1000m"));
        Set(requests, "memory", config.QueueSidecarMemoryRequest ?? Default("400Mi"));
        Set(limits, "memory", config.QueueSidecarMemoryLimit ?? Default("800Mi"));
        Set(requests, "ephemeral-storage", config.QueueSidecarEphemeralStorageRequest);
        Set(limits, "ephemeral-storage", config.QueueSidecarEphemeralStorageLimit);

        var percentage = ServingKeys.QueueSidecarResourcePercentage.Value(annotations);
        if (decimal.TryParse(percentage, NumberStyles.Float, CultureInfo.InvariantCulture, out var percent))
        {
            Set(requests, "cpu", Share(user?.Requests, "cpu", percent, 0.025m, 0.1m));
            Set(limits, "cpu", Share(user?.Limits, "cpu", percent, 0.04m, 0.5m));
            Set(requests, "memory", Share(user?.Requests, "memory", percent, 50 * Mi, 200 * Mi));
            Set(limits, "memory", Share(user?.Limits, "memory", percent, 200 * Mi, 500 * Mi));
        }

        Set(requests, "cpu", Annotated(annotations, ServingKeys.QueueSidecarCpuRequest));
        Set(limits, "cpu", Annotated(annotations, ServingKeys.QueueSidecarCpuLimit));
        Set(requests, "memory", Annotated(annotations, ServingKeys.QueueSidecarMemoryRequest));
        Set(limits, "memory", Annotated(annotations, ServingKeys.QueueSidecarMemoryLimit));
        Set(requests, "ephemeral-storage", Annotated(annotations, ServingKeys.QueueSidecarEphemeralStorageRequest));
        Set(limits, "ephemeral-storage", Annotated(annotations, ServingKeys.QueueSidecarEphemeralStorageLimit));
        Reconcile(requests, limits, annotations);
        return new ResourceRequirements { Requests = requests.Count > 0 ? requests : null, Limits = limits.Count > 0 ? limits : null };

        Quantity? Default(string text) => useDefaults ? new Quantity(text) : (Quantity?)null;
    }

    /// <summary>
    /// Kubernetes rejects a pod whose request exceeds its limit. A request from an annotation raises a limit that is not from one; in every
    /// other case the request is lowered to the limit.
    /// </summary>
    private static void Reconcile(
        SortedDictionary<string, Quantity> requests,
        SortedDictionary<string, Quantity> limits,
        IReadOnlyDictionary<string, string> annotations
    )
    {
        foreach (
            var (name, request, limit) in (ReadOnlySpan<(string, string, string)>)
                [
                    ("cpu", ServingKeys.QueueSidecarCpuRequest, ServingKeys.QueueSidecarCpuLimit),
                    ("memory", ServingKeys.QueueSidecarMemoryRequest, ServingKeys.QueueSidecarMemoryLimit),
                    ("ephemeral-storage", ServingKeys.QueueSidecarEphemeralStorageRequest, ServingKeys.QueueSidecarEphemeralStorageLimit),
                ]
        )
        {
            if (
                !requests.TryGetValue(name, out var wanted)
                || !limits.TryGetValue(name, out var allowed)
                || !wanted.TryGetAmount(out var asked)
                || !allowed.TryGetAmount(out var most)
                || asked <= most
            )
            {
                continue;
            }

            if (Annotated(annotations, request) is not null && Annotated(annotations, limit) is null)
            {
                limits[name] = wanted;
            }
            else
            {
                requests[name] = allowed;
            }
        }
    }

    private static void Set(SortedDictionary<string, Quantity> resources, string name, Quantity? value)
    {
        if (value is { } quantity)
        {
            resources[name] = quantity;
        }
    }

    private static Quantity? Annotated(IReadOnlyDictionary<string, string> annotations, string key) =>
        annotations.TryGetValue(key, out var text) && new Quantity(text) is { IsValid: true } quantity ? quantity : (Quantity?)null;

    private static Quantity? Share(IReadOnlyDictionary<string, Quantity>? user, string name, decimal percent, decimal least, decimal most)
    {
        if (user is null || !user.TryGetValue(name, out var quantity) || !quantity.IsValid || quantity.IsSameAmountAs("0"))
        {
            return null;
        }

        var amount = quantity.TryGetAmount(out var value) ? Math.Min(value, MostAmount) : MostAmount;
        var share = Math.Clamp(Math.Floor(amount * percent * 10) / 1000, least, most);
        return share % Mi == 0 ? new Quantity($"{(share / Mi).ToString("0", CultureInfo.InvariantCulture)}Mi")
            : share % 1 == 0 ? new Quantity(share.ToString("0", CultureInfo.InvariantCulture))
            : new Quantity($"{(share * 1000).ToString("0", CultureInfo.InvariantCulture)}m");
    }
}

using System.Globalization;
using Serving.Api.Core;

namespace Serving.LocalCluster.Controllers.Deployments;

/// <summary>Computes the next size of each ReplicaSet of a Deployment. Pure.</summary>
internal static class RollingUpdate
{
    private const int DefaultPercent = 25;

    /// <summary>The bounds of a rolling update, in pods; never both zero.</summary>
    public static (int Surge, int Unavailable) Bounds(DeploymentSpec spec)
    {
        var replicas = spec.Replicas ?? 1;
        var rolling = spec.Strategy?.RollingUpdate;
        var surge = Resolve(rolling?.MaxSurge, replicas, roundUp: true);
        var unavailable = Resolve(rolling?.MaxUnavailable, replicas, roundUp: false);
        return surge == 0 && unavailable == 0 ? (0, 1) : (surge, unavailable);
    }

    /// <summary>The next size of each ReplicaSet, given the newest (whose template is the Deployment's) and the older ones.</summary>
    public static IReadOnlyDictionary<string, int> Plan(DeploymentSpec spec, ReplicaSet newest, IReadOnlyList<ReplicaSet> older)
    {
        var wanted = spec.Replicas ?? 1;
        var sizes = older.Append(newest).ToDictionary(set => set.Metadata.Name, Size);
        if (spec.Strategy?.Type == "Recreate")
        {
            PlanRecreate(sizes, wanted, newest, older);
        }
        else if (older.All(set => Size(set) == 0))
        {
            sizes[newest.Metadata.Name] = wanted;
        }
        else
        {
            PlanRolling(sizes, spec, wanted, newest, older);
        }

        return sizes;
    }

    private static void PlanRecreate(Dictionary<string, int> sizes, int wanted, ReplicaSet newest, IReadOnlyList<ReplicaSet> older)
    {
        foreach (var set in older)
        {
            sizes[set.Metadata.Name] = 0;
        }

        if (older.All(set => (set.Status?.Replicas ?? 0) == 0 && Size(set) == 0))
        {
            sizes[newest.Metadata.Name] = wanted;
        }
    }

    private static void PlanRolling(
        Dictionary<string, int> sizes,
        DeploymentSpec spec,
        int wanted,
        ReplicaSet newest,
        IReadOnlyList<ReplicaSet> older
    )
    {
        var (surge, unavailable) = Bounds(spec);
        var total = sizes.Values.Sum();
        var size = Size(newest);
        sizes[newest.Metadata.Name] = size > wanted ? wanted : size + Math.Clamp(wanted + surge - total, 0, wanted - size);

        // The number to remove: the pods above the minimum that must be available, less new pods that are not available yet.
        var newestUnavailable = size - (newest.Status?.AvailableReplicas ?? 0);
        var spare = total - (wanted - unavailable) - Math.Max(0, newestUnavailable);
        foreach (var set in older.OrderBy(set => set.Metadata.CreationTimestamp))
        {
            var broken = Math.Clamp(Size(set) - (set.Status?.AvailableReplicas ?? 0), 0, Math.Max(0, spare));
            sizes[set.Metadata.Name] -= broken;
            spare -= broken;
        }

        var available = older.Append(newest).Sum(set => set.Status?.AvailableReplicas ?? 0);
        spare = Math.Min(spare, available - (wanted - unavailable));
        foreach (var set in older.OrderBy(set => set.Metadata.CreationTimestamp))
        {
            var gone = Math.Clamp(spare, 0, sizes[set.Metadata.Name]);
            sizes[set.Metadata.Name] -= gone;
            spare -= gone;
        }
    }

    private static int Size(ReplicaSet set) => set.Spec?.Replicas ?? 1;

    // An invalid bound, for example stored by an earlier version, counts as unset: it must not stop the rollout.
    private static int Resolve(IntOrString? bound, int replicas, bool roundUp)
    {
        if (bound is { Text: null, Int: >= 0 and var pods })
        {
            return pods;
        }

        var percent =
            bound?.Text is [.., '%'] text
            && int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var stated)
                ? stated
                : DefaultPercent;
        var share = (decimal)percent / 100 * replicas;
        return (int)Math.Min(int.MaxValue / 2, roundUp ? Math.Ceiling(share) : Math.Floor(share));
    }
}

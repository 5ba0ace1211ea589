using System.Globalization;
using Serving.Api;

namespace Serving.Controller.ServerlessServices;

/// <summary>
/// Selects a subset so that the selection changes little when the set changes, and differs between targets. Candidates are placed on a ring
/// by hash; selection starts at the target's position and advances by the target's step. The parameters (FNV-1a, a ring of 2048, the salts)
/// are Knative's, so that every implementation selects the same activators for a Revision.
/// </summary>
internal static class ConsistentSubset
{
    private const ulong Circle = 1 << 11;
    private const string StartSalt = "start-angle-salt";
    private const string StepSalt = "step-angle-salt";

    /// <summary>At most <paramref name="count"/> of <paramref name="candidates"/>, for <paramref name="target"/>.</summary>
    public static IReadOnlySet<string> Choose(IReadOnlyCollection<string> candidates, int count, string target)
    {
        var all = new SortedSet<string>(candidates, StringComparer.Ordinal);
        if (count >= all.Count)
        {
            return all;
        }

        var circle = Place(all, target);
        var angles = circle.Keys.ToArray();
        var angle = Fnv1a.Hash64(target + StartSalt) % Circle;
        var step = Fnv1a.Hash64(target + StepSalt) % Circle;
        var chosen = new HashSet<string>(StringComparer.Ordinal);
        while (chosen.Count < count)
        {
            var index = Array.BinarySearch(angles, angle);
            index = (index < 0 ? ~index : index) % angles.Length;
            while (!chosen.Add(circle[angles[index]]))
            {
                index = (index + 1) % angles.Length;
            }

            angle = (angle + step) % Circle;
        }

        return chosen;
    }

    private static SortedDictionary<ulong, string> Place(SortedSet<string> candidates, string target)
    {
        var circle = new SortedDictionary<ulong, string>();
        foreach (var candidate in candidates)
        {
            var text = candidate + target;
            var hash = Fnv1a.Hash64(text);
            while (!circle.TryAdd(hash % Circle, candidate))
            {
                // The position is taken: use the hash itself as the salt of the next attempt.
                text += hash.ToString("x", CultureInfo.InvariantCulture);
                hash = Fnv1a.Hash64(text);
            }
        }

        return circle;
    }
}

namespace Serving.Activator.Throttling;

/// <summary>
/// Which pods of a revision are this activator's, so that all activators together admit no more than the pods take.
/// </summary>
/// <param name="Index">Our place among the sorted addresses of the revision's activators; -1 when we are not one of them.</param>
/// <param name="Count">How many activators it has.</param>
internal readonly record struct ActivatorShare(int Index, int Count)
{
    /// <summary>Not told yet: all pods are ours.</summary>
    public static ActivatorShare Unknown => new(-1, 0);

    /// <summary>
    /// Our pods of <paramref name="pods"/>, which every activator has in the same order: an equal slice, and one of the
    /// rest while it lasts; with more activators than pods, one.
    /// </summary>
    public PodTracker[] Of(PodTracker[] pods)
    {
        if (Index < 0 || Count <= 1 || pods.Length <= 1) return pods;
        if (Count > pods.Length) return [pods[Index % pods.Length]];
        var size = pods.Length / Count;
        var rest = pods.Length % Count;
        var own = pods.AsSpan(Index * size, size);
        return Index < rest ? [.. own, pods[pods.Length - rest + Index]] : own.ToArray();
    }
}

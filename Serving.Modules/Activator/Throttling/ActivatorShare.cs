namespace Serving.Activator.Throttling;

/// <summary>
/// Determines which pods of a revision belong to this activator, so that all activators together do not exceed the pods' capacity.
/// </summary>
/// <param name="Index">The index of this activator among the sorted addresses of the revision's activators; -1 if it is not one of
/// them.</param>
/// <param name="Count">The number of the revision's activators.</param>
internal readonly record struct ActivatorShare(int Index, int Count)
{
    /// <summary>Not known yet: all pods belong to this activator.</summary>
    public static ActivatorShare Unknown => new(-1, 0);

    /// <summary>
    /// The subset of <paramref name="pods"/>, which every activator sorts the same way, for this activator: an equal slice plus at most one
    /// of the remainder; with more activators than pods, one pod.
    /// </summary>
    public PodTracker[] Of(PodTracker[] pods)
    {
        if (Index < 0 || Count <= 1 || pods.Length <= 1)
            return pods;
        if (Count > pods.Length)
            return [pods[Index % pods.Length]];
        var size = pods.Length / Count;
        var rest = pods.Length % Count;
        var own = pods.AsSpan(Index * size, size);
        return Index < rest ? [.. own, pods[pods.Length - rest + Index]] : own.ToArray();
    }
}

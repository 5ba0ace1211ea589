namespace Serving.Activator.ColdStarts;

/// <summary>
/// When something happened in the cluster: when we saw it, by our clock but possibly late, and when it is said to have happened, by another
/// clock and mostly in whole seconds. Both count from the arrival of the request.
/// </summary>
/// <param name="Seen">When an informer delivered it.</param>
/// <param name="Reported">The time in the object; null when it has none.</param>
/// <param name="Resolution">What was cut off the reported time at most; zero for an exact one.</param>
internal readonly record struct ObservedMoment(TimeSpan Seen, TimeSpan? Reported, TimeSpan Resolution)
{
    /// <summary>How late a change of a pod's status usually arrives at most: the kubelet looks at containers each second and then writes. A
    /// larger difference comes from a clock that is behind ours.</summary>
    public static readonly TimeSpan LatestReport = TimeSpan.FromSeconds(3);

    /// <summary>
    /// The best estimate. The reported time, plus half of what was cut off, when the clocks seem to agree: it is not after we saw the
    /// change, and not long before. Otherwise, or when the two differ by less than the resolution, the time when we saw it.
    /// </summary>
    public TimeSpan Estimate
    {
        get
        {
            if (Reported is not { } reported)
                return Seen;
            var late = Seen - reported;
            return late >= Resolution && late >= TimeSpan.Zero && late <= LatestReport ? reported + (Resolution / 2) : Seen;
        }
    }
}

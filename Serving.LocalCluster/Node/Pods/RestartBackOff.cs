namespace Serving.LocalCluster.Node.Pods;

/// <summary>
/// The kubelet's restart back-off: the first restart is immediate, then after 10 s, doubling up to 5 min; a run of 10 min
/// resets it.
/// </summary>
internal sealed class RestartBackOff
{
    private static readonly TimeSpan First = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Most = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Forgotten = TimeSpan.FromMinutes(10);
    private TimeSpan _next;

    /// <summary>How long to wait after a run that lasted <paramref name="ran"/>.</summary>
    public TimeSpan After(TimeSpan ran)
    {
        var wait = ran >= Forgotten ? TimeSpan.Zero : _next;
        _next =
            wait == TimeSpan.Zero ? First
            : wait * 2 > Most ? Most
            : wait * 2;
        return wait;
    }
}

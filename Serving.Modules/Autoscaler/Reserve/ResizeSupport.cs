using Serving.Kubernetes.Discovery;

namespace Serving.Autoscaler.Reserve;

/// <summary>Whether the cluster serves <c>pods/resize</c>. A cluster that does is not asked again; one that does not is asked again when
/// its answer is old, because it may have been upgraded.</summary>
/// <param name="discovery">The discovery; null where the subresource is known to be served.</param>
/// <param name="time">The clock.</param>
internal sealed class ResizeSupport(IResourceDiscovery? discovery, TimeProvider time)
{
    private static readonly TimeSpan AskAgain = TimeSpan.FromMinutes(5);

    private volatile Answer? _last;

    /// <summary>Whether it is served. Throws what discovery throws.</summary>
    public async Task<bool> IsServedAsync(CancellationToken cancellation)
    {
        if (discovery is null)
            return true;
        if (_last is { } last && (last.IsServed || time.GetElapsedTime(last.At) < AskAgain))
            return last.IsServed;
        var isServed = await discovery.ServesAsync("v1", "pods/resize", cancellation);
        _last = new Answer(isServed, time.GetTimestamp());
        return isServed;
    }

    private sealed record Answer(bool IsServed, long At);
}

using System.Runtime.CompilerServices;

namespace Serving.Dataplane;

/// <summary>Makes upstreams.</summary>
public static class Upstreams
{
    /// <summary>
    /// Makes an upstream with connection pools of its own. One is enough for a process; it may be used concurrently and
    /// for any number of destinations. Dispose it (it is <see cref="IDisposable"/>) to close its connections.
    /// </summary>
    public static IUpstream Create(UpstreamOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new UpstreamByProtocol(options);
    }

    /// <summary>Makes one that leaves everything to YARP.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static IUpstream CreateForwarder(UpstreamOptions options) => new ForwarderUpstream(options);
}

using System.Runtime.CompilerServices;

namespace Serving.Dataplane.Upstreams;

/// <summary>Creates upstreams.</summary>
public static class Upstreams
{
    /// <summary>
    /// Creates an upstream with its own connection pools. One per process is enough: it is thread-safe and serves any number of
    /// destinations. Dispose it (it is <see cref="IDisposable"/>) to close its connections.
    /// </summary>
    public static IUpstream Create(UpstreamOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        return new UpstreamByProtocol(options);
    }

    /// <summary>Creates an upstream that uses YARP for everything.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal static IUpstream CreateForwarder(UpstreamOptions options) => new ForwarderUpstream(options);
}

using Serving.Api.Config;
using Serving.Dataplane.ProxyProtocol;
using Serving.Dataplane.Servers;

namespace Serving.Networking.Gateway;

/// <summary>What servers and router use of the listeners' settings: the ConfigMap over the options of the process.</summary>
internal sealed class ListenerLimits(GatewayOptions options)
{
    /// <summary>The limits of the external server.</summary>
    public ServerLimits External => Of(Current.External);

    /// <summary>The limits of the cluster-local server.</summary>
    public ServerLimits ClusterLocal => Of(Current.ClusterLocal);

    /// <summary>How long requests in flight may take after the gateway is told to stop.</summary>
    public TimeSpan DrainTimeout => Current.DrainTimeout is { } wanted && wanted < options.DrainTimeout ? wanted : options.DrainTimeout;

    /// <summary>Calls a fast handler after each change, until the result is disposed.</summary>
    public IDisposable OnChange(Action handler) => options.Listeners.OnChange(handler);

    private GatewayListenersConfig Current => options.Listeners.Current;

    /// <summary>Number of trusted proxies in front of the external or the cluster-local listener.</summary>
    public int TrustedHops(bool external)
    {
        var current = Current;
        return (external ? current.External : current.ClusterLocal).TrustedHops ?? options.TrustedHops;
    }

    private static ServerLimits Of(GatewayListenerConfig config) =>
        new()
        {
            HeadersTimeout = config.RequestHeadTimeout,
            KeepAliveTimeout = config.IdleTimeout,
            MaxConnections = config.MaxConnections ?? ConnectionBound.OfMemory,
            CountsUpgraded = true,
            MaxHeaderBytes = config.MaxRequestHeadBytes,
            MaxStreamsPerConnection = config.MaxStreamsPerConnection,
            MaxRequestsPerConnection = config.MaxRequestsPerConnection,
            ProxyProtocol =
                config.ProxyProtocol == ProxyProtocolMode.Off
                    ? null
                    : new ProxyProtocolPolicy(config.ProxyProtocolSources, config.ProxyProtocol == ProxyProtocolMode.Required),
        };
}

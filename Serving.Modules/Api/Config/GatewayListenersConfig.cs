namespace Serving.Api.Config;

/// <summary>config-gateway-listeners: the listeners of the built-in gateway.</summary>
public sealed record GatewayListenersConfig
{
    /// <summary>The defaults.</summary>
    public static GatewayListenersConfig Default { get; } = new();

    /// <summary>The listeners for traffic from outside the cluster, HTTP and HTTPS.</summary>
    public GatewayListenerConfig External { get; init; } = GatewayListenerConfig.Default;

    /// <summary>The listeners for traffic within the cluster, HTTP and HTTPS.</summary>
    public GatewayListenerConfig ClusterLocal { get; init; } = GatewayListenerConfig.Default;

    /// <summary>How long requests in flight may take after the gateway is told to stop; null for that of the process, which is also the
    /// maximum.</summary>
    public TimeSpan? DrainTimeout { get; init; }
}

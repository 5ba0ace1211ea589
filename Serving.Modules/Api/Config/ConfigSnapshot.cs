namespace Serving.Api.Config;

/// <summary>A snapshot of all ConfigMaps.</summary>
public sealed record ConfigSnapshot
{
    /// <summary>The defaults.</summary>
    public static ConfigSnapshot Default { get; } = new();

    public AutoscalerConfig Autoscaler { get; init; } = AutoscalerConfig.Default;
    public CertManagerConfig CertManager { get; init; } = CertManagerConfig.Default;
    public DefaultsConfig Defaults { get; init; } = DefaultsConfig.Default;
    public DeploymentConfig Deployment { get; init; } = DeploymentConfig.Default;
    public DomainConfig Domain { get; init; } = DomainConfig.Default;
    public FeaturesConfig Features { get; init; } = FeaturesConfig.Default;
    public GcConfig Gc { get; init; } = GcConfig.Default;
    public GatewayListenersConfig GatewayListeners { get; init; } = GatewayListenersConfig.Default;
    public GatewayApiConfig GatewayApi { get; init; } = GatewayApiConfig.Default;
    public IstioConfig Istio { get; init; } = IstioConfig.Default;
    public LeaderElectionConfig LeaderElection { get; init; } = LeaderElectionConfig.Default;
    public LoggingConfig Logging { get; init; } = LoggingConfig.Default;
    public NetworkConfig Network { get; init; } = NetworkConfig.Default;
    public ObservabilityConfig Observability { get; init; } = ObservabilityConfig.Default;
    public ReserveConfig Reserve { get; init; } = ReserveConfig.Default;
}

using Serving.Api.Config;
using Serving.Api.Core;

namespace Serving.ConfigMaps;

/// <summary>All known ConfigMaps.</summary>
public static class KnownConfigMaps
{
    /// <summary>The ConfigMaps that configure the process.</summary>
    public static IReadOnlyList<ConfigMapKind> All { get; } =
    [
        new(AutoscalerConfigParser.Name, static (s, data, _) => s with { Autoscaler = AutoscalerConfigParser.Parse(data) }),
        new(CertManagerConfigParser.Name, static (s, data, _) => s with { CertManager = CertManagerConfigParser.Parse(data) }),
        new(DefaultsConfigParser.Name, static (s, data, _) => s with { Defaults = DefaultsConfigParser.Parse(data) }),
        new(DeploymentConfigParser.Name, static (s, data, _) => s with { Deployment = DeploymentConfigParser.Parse(data) }),
        new(DomainConfigParser.Name, static (s, data, domain) => s with { Domain = DomainConfigParser.Parse(data, domain) }),
        new(FeaturesConfigParser.Name, static (s, data, _) => s with { Features = FeaturesConfigParser.Parse(data) }),
        new(GatewayApiConfigParser.Name, static (s, data, _) => s with { GatewayApi = GatewayApiConfigParser.Parse(data) }),
        new(
            GatewayListenersConfigParser.Name,
            static (s, data, _) => s with { GatewayListeners = GatewayListenersConfigParser.Parse(data) }
        ),
        new(GcConfigParser.Name, static (s, data, _) => s with { Gc = GcConfigParser.Parse(data) }),
        new(IstioConfigParser.Name, static (s, data, domain) => s with { Istio = IstioConfigParser.Parse(data, domain) }),
        new(LeaderElectionConfigParser.Name, static (s, data, _) => s with { LeaderElection = LeaderElectionConfigParser.Parse(data) }),
        new(LoggingConfigParser.Name, static (s, data, _) => s with { Logging = LoggingConfigParser.Parse(data) })
        {
            Unused = LoggingConfigParser.Unused,
        },
        new(NetworkConfigParser.Name, static (s, data, _) => s with { Network = NetworkConfigParser.Parse(data) }),
        new(ObservabilityConfigParser.Name, static (s, data, _) => s with { Observability = ObservabilityConfigParser.Parse(data) })
        {
            Unused = ObservabilityConfigParser.Unused,
        },
        new(ReserveConfigParser.Name, static (s, data, _) => s with { Reserve = ReserveConfigParser.Parse(data) }),
        // No longer read; it is listed so that its example is validated like the others.
        new("config-tracing", static (s, _, _) => s),
    ];

    /// <summary>
    /// Validates a ConfigMap as admission does: the example's checksum and the values. Unknown ConfigMaps pass.
    /// Throws <see cref="ConfigMapException"/>. Returns warnings, for keys that have no effect.
    /// </summary>
    public static IReadOnlyList<string> Validate(ConfigMap map, string clusterDomain = "cluster.local")
    {
        ArgumentNullException.ThrowIfNull(map);
        if (All.FirstOrDefault(k => k.Name == map.Metadata.Name) is not { } kind)
            return [];
        ExampleBlock.Check(map);
        kind.Apply(ConfigSnapshot.Default, map.Data, clusterDomain);
        return [.. kind.WarningsOf(map.Data)];
    }

    /// <summary>The configuration without ConfigMaps, for a cluster with this domain.</summary>
    public static ConfigSnapshot Defaults(string clusterDomain)
    {
        var local = "svc." + clusterDomain;
        return ConfigSnapshot.Default with
        {
            Domain = new DomainConfig
            {
                ClusterLocalDomain = local,
                Domains = new Dictionary<string, IReadOnlyDictionary<string, string>> { [local] = Empty.Map },
                Wildcards = new HashSet<string>(StringComparer.Ordinal) { local },
            },
            Istio = IstioConfig.For(clusterDomain),
        };
    }
}

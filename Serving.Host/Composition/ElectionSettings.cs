using Microsoft.Extensions.Logging;
using Serving.Api;
using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Host.Cluster;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Leadership;

namespace Serving.Host.Composition;

/// <summary>How this process competes for Leases, from config-leader-election at the start; later changes update the times.</summary>
/// <param name="Times">The identity that holds Leases, and their times.</param>
/// <param name="LeaseNames">The Leases of a module's shard.</param>
/// <param name="Buckets">The number of shards of the autoscaler at the start.</param>
/// <param name="Scheme">The scheme of the Leases.</param>
internal sealed record ElectionSettings(
    LeaderElectionOptions Times,
    Func<string, Shard, IReadOnlyList<string>> LeaseNames,
    int Buckets,
    LeaseScheme Scheme
)
{
    private static readonly ClusterClientOptions OneTry = new() { RequestTimeout = TimeSpan.FromSeconds(10), Attempts = 1 };

    /// <summary>
    /// Reads the ConfigMap once. A missing or invalid ConfigMap does not prevent the start: the defaults apply. Throws
    /// <see cref="KubernetesException"/> when the server rejects the request.
    /// </summary>
    public static async Task<ElectionSettings> ReadAsync(
        ClusterAccess configuration,
        ClusterEnvironment environment,
        ILoggerFactory loggers,
        CancellationToken cancellation,
        LeaseScheme scheme = LeaseScheme.Own
    )
    {
        using var client = new ClusterClient(configuration, OneTry);
        var settings = LeaderElectionConfig.Default;
        try
        {
            var map = await client.GetAsync(
                Resources.ConfigMaps,
                environment.SystemNamespace,
                LeaderElectionConfigParser.Name,
                cancellation
            );
            settings = LeaderElectionConfigParser.Parse(map.Data);
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            // There is no ConfigMap.
        }
        catch (ConfigMapException refused)
        {
            loggers
                .CreateLogger<ElectionSettings>()
                .LogError(
                    "ConfigMap {Namespace}/{Name} is invalid, starting with the defaults: {Reason}",
                    environment.SystemNamespace,
                    LeaderElectionConfigParser.Name,
                    refused.Explanation
                );
        }

        return Of(settings, environment, scheme);
    }

    /// <summary>Converts the configuration.</summary>
    private static ElectionSettings Of(LeaderElectionConfig settings, ClusterEnvironment environment, LeaseScheme scheme)
    {
        var times = new LeaderElectionOptions(
            environment.SystemNamespace,
            AutoscalerOwners.Identity(environment.PodName, environment.PodIP.ToString())
        )
        {
            LeaseDuration = settings.LeaseDuration,
            RenewDeadline = settings.RenewDeadline,
            RetryPeriod = settings.RetryPeriod,
        };
        string[] Own(string module, Shard shard) => [$"{settings.MapLeasePrefix.GetValueOrDefault(module, module)}.{shard}"];

        // The reference implementation shards by a rule of its own, so a replacement holds the Leases of all its buckets, and our own.
        string[] Both(string module, Shard whole)
        {
            var parts = module == "autoscaler" ? settings.Buckets : 1;
            return
            [
                .. ReferenceLeases.Of(module, settings),
                .. Enumerable.Range(0, parts).SelectMany(i => Own(module, new Shard(i, parts))),
            ];
        }

        return new ElectionSettings(times, scheme == LeaseScheme.Knative ? Both : Own, settings.Buckets, scheme);
    }

    /// <summary>Whether replicas share the autoscaler's work.</summary>
    public bool SharesAutoscaler => Scheme == LeaseScheme.Own;

    /// <summary>Applies the settings to the module host's options.</summary>
    public ModuleHostOptions ApplyTo(ModuleHostOptions options) =>
        options with
        {
            Election = Times,
            LeaseNames = LeaseNames,
            Shards = SharesAutoscaler ? Buckets : 1,
        };
}

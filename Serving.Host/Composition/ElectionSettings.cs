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

/// <summary>How this process competes for Leases, as the cluster's config-leader-election has it at the start; the times then follow
/// it.</summary>
/// <param name="Times">Whose name Leases are held in, and their times.</param>
/// <param name="LeaseNames">The Leases of a part of a module.</param>
/// <param name="Buckets">Into how many parts the autoscaler is divided at the start.</param>
/// <param name="Scheme">Which Leases are held.</param>
internal sealed record ElectionSettings(
    LeaderElectionOptions Times,
    Func<string, Shard, IReadOnlyList<string>> LeaseNames,
    int Buckets,
    LeaseScheme Scheme
)
{
    private static readonly ClusterClientOptions OneTry = new() { RequestTimeout = TimeSpan.FromSeconds(10), Attempts = 1 };

    /// <summary>
    /// Reads the ConfigMap, once; the code's defaults hold where there is none, and where it says what cannot be: that is no reason not to
    /// start. Throws
    /// <see cref="KubernetesException"/> as the server refuses.
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
            // Nothing is configured.
        }
        catch (ConfigMapException refused)
        {
            loggers
                .CreateLogger<ElectionSettings>()
                .LogError(
                    "ConfigMap {Namespace}/{Name} is not valid, the start goes on with the defaults: {Reason}",
                    environment.SystemNamespace,
                    LeaderElectionConfigParser.Name,
                    refused.Explanation
                );
        }

        return Of(settings, environment, scheme);
    }

    /// <summary>How to compete by these settings.</summary>
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

        // The reference implementation divides by a rule of its own, so who replaces it holds every part, and ours too.
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

    /// <summary>As the modules are hosted.</summary>
    public ModuleHostOptions ApplyTo(ModuleHostOptions options) =>
        options with
        {
            Election = Times,
            LeaseNames = LeaseNames,
            Shards = SharesAutoscaler ? Buckets : 1,
        };
}

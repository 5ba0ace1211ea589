using Serving.Api;
using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Host.Cluster;
using Serving.Kubernetes;

namespace Serving.Host.Composition;

/// <summary>How this process competes for Leases, as the cluster's config-leader-election has it at the start; the times then follow it.</summary>
/// <param name="Times">Whose name Leases are held in, and their times.</param>
/// <param name="LeaseNames">The Leases of a part of a module.</param>
/// <param name="Buckets">Into how many parts the autoscaler is divided at the start.</param>
/// <param name="Scheme">Which Leases are held.</param>
internal sealed record ElectionSettings(LeaderElectionOptions Times, Func<string, Shard, IReadOnlyList<string>> LeaseNames, int Buckets, LeaseScheme Scheme)
{
    private static readonly KubernetesClientOptions OneTry = new() { RequestTimeout = TimeSpan.FromSeconds(10), Attempts = 1 };

    /// <summary>
    /// Reads the ConfigMap, once; the code's defaults hold where there is none. Throws <see cref="KubernetesException"/> as the server refuses, and
    /// <see cref="UserErrorException"/> when it says what cannot be.
    /// </summary>
    public static async Task<ElectionSettings> ReadAsync(
        KubernetesConfiguration configuration, ClusterEnvironment environment, CancellationToken cancellation, LeaseScheme scheme = LeaseScheme.Own)
    {
        using var client = new KubernetesClient(configuration, OneTry);
        LeaderElectionConfig settings;
        try
        {
            var map = await client.GetAsync(Resources.ConfigMaps, environment.SystemNamespace, LeaderElectionConfigParser.Name, cancellation);
            settings = LeaderElectionConfigParser.Parse(map.Data);
        }
        catch (KubernetesException failure) when (failure.IsNotFound)
        {
            settings = LeaderElectionConfig.Default;
        }
        catch (ConfigMapException wrong)
        {
            throw new UserErrorException($"{environment.SystemNamespace}/{LeaderElectionConfigParser.Name}: {wrong.Message}", wrong);
        }

        var times = new LeaderElectionOptions(environment.SystemNamespace, AutoscalerOwners.Identity(environment.PodName, environment.PodIP.ToString()))
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
            return [.. ReferenceLeases.Of(module, settings), .. Enumerable.Range(0, parts).SelectMany(i => Own(module, new Shard(i, parts)))];
        }

        return new ElectionSettings(times, scheme == LeaseScheme.Knative ? Both : Own, settings.Buckets, scheme);
    }

    /// <summary>Whether replicas share the autoscaler's work.</summary>
    public bool SharesAutoscaler => Scheme == LeaseScheme.Own;

    /// <summary>As the modules are hosted.</summary>
    public ModuleHostOptions ApplyTo(ModuleHostOptions options)
        => options with { Election = Times, LeaseNames = LeaseNames, Shards = SharesAutoscaler ? Buckets : 1 };
}

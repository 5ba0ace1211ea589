using Serving.Api;
using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Host.Cluster;
using Serving.Kubernetes;

namespace Serving.Host.Composition;

/// <summary>How this process competes for Leases, as the cluster's config-leader-election has it at the start; the times then follow it.</summary>
/// <param name="Times">Whose name Leases are held in, and their times.</param>
/// <param name="LeaseNames">The Leases of a module.</param>
internal sealed record ElectionSettings(LeaderElectionOptions Times, Func<string, IReadOnlyList<string>> LeaseNames)
{
    /// <summary>Reads the ConfigMap; the code's defaults hold where there is none.</summary>
    public static async Task<ElectionSettings> ReadAsync(
        KubernetesConfiguration configuration, ClusterEnvironment environment, CancellationToken cancellation, LeaseScheme scheme = LeaseScheme.Own)
    {
        using var client = new KubernetesClient(configuration);
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

        var times = new LeaderElectionOptions(environment.SystemNamespace, LeaderStatSink.Identity(environment))
        {
            LeaseDuration = settings.LeaseDuration,
            RenewDeadline = settings.RenewDeadline,
            RetryPeriod = settings.RetryPeriod,
        };
        string[] Own(string module) => [$"{settings.MapLeasePrefix.GetValueOrDefault(module, module)}.00-of-01"];
        return new ElectionSettings(times, scheme == LeaseScheme.Knative ? module => [.. ReferenceLeases.Of(module, settings), .. Own(module)] : Own);
    }
}

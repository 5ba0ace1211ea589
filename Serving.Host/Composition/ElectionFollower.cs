using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Kubernetes.Hosting;

namespace Serving.Host.Composition;

/// <summary>Applies changes of config-leader-election to the times of Leases and to the number of autoscaler shards while the process
/// runs.</summary>
internal sealed class ElectionFollower : IDisposable
{
    private readonly ConfigStore _config;
    private readonly ModuleHost _host;
    private readonly bool _sharesAutoscaler;

    /// <param name="config">The configuration that is followed.</param>
    /// <param name="host">Competes for Leases.</param>
    /// <param name="sharesAutoscaler">Whether replicas share the autoscaler's work; otherwise the number of buckets is ignored.</param>
    public ElectionFollower(ConfigStore config, ModuleHost host, bool sharesAutoscaler)
    {
        (_config, _host, _sharesAutoscaler) = (config, host, sharesAutoscaler);
        config.Changed += OnChanged;
    }

    public void Dispose() => _config.Changed -= OnChanged;

    private void OnChanged(ConfigSnapshot old, ConfigSnapshot current)
    {
        if (
            old.LeaderElection is var before
            && current.LeaderElection is var now
            && (before.LeaseDuration, before.RenewDeadline, before.RetryPeriod) != (now.LeaseDuration, now.RenewDeadline, now.RetryPeriod)
        )
        {
            _host.ChangeElectionTimes(now.LeaseDuration, now.RenewDeadline, now.RetryPeriod);
        }

        if (_sharesAutoscaler)
        {
            _host.ChangeShards(current.LeaderElection.Buckets);
        }
    }
}

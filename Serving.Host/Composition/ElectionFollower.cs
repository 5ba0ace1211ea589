using Serving.Api.Config;
using Serving.ConfigMaps;
using Serving.Kubernetes.Hosting;

namespace Serving.Host.Composition;

/// <summary>Keeps the times of Leases, and the number of parts of the autoscaler, as config-leader-election has them while the process
/// runs.</summary>
internal sealed class ElectionFollower : IDisposable
{
    private readonly ConfigStore _config;
    private readonly ModuleHost _host;
    private readonly bool _sharesAutoscaler;

    /// <param name="config">The configuration that is followed.</param>
    /// <param name="host">Who competes for Leases.</param>
    /// <param name="sharesAutoscaler">Whether replicas share the autoscaler's work; where one does all of it, the number of parts is none
    /// of its.</param>
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

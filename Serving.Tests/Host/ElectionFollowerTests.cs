using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Host.Composition;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Leadership;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>From config-leader-election to who holds which Lease for how long, while it runs. In virtual time.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ElectionFollowerTests : IDisposable
{
    private readonly ManualTimeProvider _time = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly InMemoryCluster _cluster;
    private readonly LiveConfig _live;
    private readonly Scaler _scaler = new();
    private Task _running = Task.CompletedTask;

    public ElectionFollowerTests()
    {
        _cluster = new InMemoryCluster(_time);
        _live = new LiveConfig(_cluster);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await PassAsync(() => _running.IsCompleted);
        await _running;
    }

    public void Dispose()
    {
        _live.Dispose();
        _stop.Dispose();
    }

    [Test]
    public async Task The_times_of_a_Lease_that_is_held_follow_the_ConfigMap()
    {
        using var follower = Follow(sharesAutoscaler: true);
        await PassAsync(() => _scaler.Works.Length == 1);
        LeaseOf("scaler.00-of-01").LeaseDurationSeconds.Should().Be(60);

        _live.Put("config-leader-election", ("lease-duration", "9s"), ("renew-deadline", "6s"), ("retry-period", "1s"));
        await PassAsync(() => LeaseOf("scaler.00-of-01").LeaseDurationSeconds == 9);
        LeaseOf("scaler.00-of-01").LeaseDurationSeconds.Should().Be(9);

        var renewed = LeaseOf("scaler.00-of-01").RenewTime;
        await PassAsync(() => LeaseOf("scaler.00-of-01").RenewTime > renewed);
        (LeaseOf("scaler.00-of-01").RenewTime - renewed).Should().BeLessThan(TimeSpan.FromSeconds(4), "it is renewed by the new period");
    }

    [Test]
    public async Task A_leader_that_cannot_renew_stops_at_the_deadline_of_the_ConfigMap()
    {
        using var follower = Follow(sharesAutoscaler: true);
        _live.Put("config-leader-election", ("lease-duration", "20s"), ("renew-deadline", "4s"), ("retry-period", "1s"));
        await PassAsync(() => _scaler.Works.Length == 1 && LeaseOf("scaler.00-of-01").LeaseDurationSeconds == 20);

        for (var i = 0; i < 60; i++)
        {
            _cluster.FailNext(
                request => request.Plural == "leases",
                new KubernetesException("renew", new Status { Code = 503, Message = "away" })
            );
        }

        await PassAsync(() => _scaler.Works.Length == 0, TimeSpan.FromSeconds(10));
        _scaler.Works.Should().BeEmpty("its term ended by the deadline of the ConfigMap, not by the default of 40s");
    }

    [Test]
    public async Task Buckets_divide_the_autoscaler_while_it_runs()
    {
        using var follower = Follow(sharesAutoscaler: true);
        await PassAsync(() => _scaler.Works.Length == 1);

        _live.Put("config-leader-election", ("buckets", "3"));
        await PassAsync(() => _scaler.Works.Length == 3);
        _scaler.Works.Should().Equal("00-of-03", "01-of-03", "02-of-03");

        _live.Put("config-leader-election", ("buckets", "11"));
        await PassAsync(() => false, TimeSpan.FromSeconds(10));
        _scaler.Works.Should().HaveCount(3, "what is refused changes nothing");

        _live.Put("config-leader-election");
        await PassAsync(() => _scaler.Works.Length == 1);
        _scaler.Works.Should().Equal("00-of-01");
    }

    [Test]
    public async Task Buckets_leave_alone_who_holds_every_part()
    {
        using var follower = Follow(sharesAutoscaler: false);
        await PassAsync(() => _scaler.Works.Length == 1);
        _live.Put("config-leader-election", ("buckets", "3"));
        await PassAsync(() => _scaler.Works.Length == 3, TimeSpan.FromSeconds(20));
        _scaler.Works.Should().Equal("00-of-01");
    }

    private ElectionFollower Follow(bool sharesAutoscaler)
    {
        var now = _live.Current.LeaderElection;
        var options = new ModuleHostOptions
        {
            Election = new LeaderElectionOptions("knative-serving", "me")
            {
                LeaseDuration = now.LeaseDuration,
                RenewDeadline = now.RenewDeadline,
                RetryPeriod = now.RetryPeriod,
            },
            Shards = now.Buckets,
        };
        var host = new ModuleHost(
            [_scaler],
            _cluster,
            _cluster,
            options,
            NullLoggerFactory.Instance,
            _time,
            _cluster.For(Resources.Leases)
        );
        _running = host.RunAsync(_stop.Token);
        return new ElectionFollower(_live.Store, host, sharesAutoscaler);
    }

    private LeaseSpec LeaseOf(string name) => _cluster.Find(Resources.Leases, "knative-serving", name)?.Spec ?? new LeaseSpec();

    private Task PassAsync(Func<bool> enough, TimeSpan? most = null) => _time.PassAsync(most ?? TimeSpan.FromMinutes(2), enough);

    /// <summary>A module that can be divided and says which of its parts work.</summary>
    private sealed class Scaler : IShardedModule
    {
        private readonly ConcurrentDictionary<string, bool> _works = new();

        public string[] Works => [.. _works.Keys.Order(StringComparer.Ordinal)];

        public string Name => "scaler";

        public Activation Activation => Activation.Leader;

        public IServingModule CreateShard(Shard shard) => new Part(this, shard);

        public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) =>
            throw new InvalidOperationException("it is divided");

        private sealed class Part(Scaler whole, Shard shard) : IServingModule
        {
            public string Name => $"scaler {shard}";

            public Activation Activation => Activation.Leader;

            public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
            {
                whole._works[$"{shard}"] = true;
                var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await using var registration = cancellation.Register(() => over.TrySetResult());
                await over.Task;
                whole._works.TryRemove($"{shard}", out _);
            }
        }
    }
}

using System.Collections.Concurrent;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Concurrency;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Hosting;

/// <summary>A module whose parts are spread over replicas. In virtual time, against one set of Leases.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class ShardedModuleTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster;
    private readonly List<Replica> _replicas = [];

    public ShardedModuleTests() => _cluster = new InMemoryCluster(_time);

    [TearDown]
    public async Task StopAsync()
    {
        foreach (var replica in _replicas)
        {
            await replica.StopAsync(_time);
        }
    }

    [Test]
    public async Task One_replica_works_on_all_parts_each_under_a_Lease_of_its_own()
    {
        var one = Start("one", 3);

        await PassAsync(() => one.Works.Length == 3);

        one.Works.Should().Equal("00-of-03", "01-of-03", "02-of-03");
        foreach (var shard in one.Works)
        {
            HolderOf($"scaler.{shard}").Should().Be("one");
        }
    }

    [Test]
    public async Task A_replica_that_leads_many_parts_hands_some_to_one_that_leads_few()
    {
        var one = Start("one", 4);
        await PassAsync(() => one.Works.Length == 4);
        var two = Start("two", 4);

        await PassAsync(() => one.Works.Length == 2 && two.Works.Length == 2, TimeSpan.FromMinutes(5));

        one.Works.Concat(two.Works).Should().BeEquivalentTo("00-of-04", "01-of-04", "02-of-04", "03-of-04");
        await PassAsync(() => false, TimeSpan.FromMinutes(2));
        one.Works.Should().HaveCount(2, "what is even stays as it is");
    }

    [Test]
    public async Task The_parts_of_a_replica_that_stops_go_to_the_others()
    {
        var one = Start("one", 4);
        var two = Start("two", 4);
        await PassAsync(() => one.Works.Length == 2 && two.Works.Length == 2, TimeSpan.FromMinutes(5));

        await one.StopAsync(_time);

        await PassAsync(() => two.Works.Length == 4);
        two.Works.Should().HaveCount(4);
    }

    [Test]
    public async Task Another_number_of_parts_is_taken_over_while_it_runs()
    {
        var one = Start("one", 1);
        await PassAsync(() => one.Works.Length == 1);

        one.Host.ChangeShards(2);

        await PassAsync(() => one.Works.Length == 2);
        one.Works.Should().Equal("00-of-02", "01-of-02");
        HolderOf("scaler.00-of-01").Should().BeEmpty();
        one.Log.Should().ContainInOrder("00-of-01 stopped", "00-of-02 started");
    }

    [Test]
    public async Task Parts_that_are_told_to_stop_may_ask_their_process_for_anything()
    {
        var one = Start("one", 1);
        await PassAsync(() => one.Works.Length == 1);
        var answered = false;
        one.Told = () =>
            answered = OtherThread.Ends(() =>
                one.Host.ChangeElectionTimes(TimeSpan.FromSeconds(15), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(2))
            );

        one.Host.ChangeShards(2);

        answered.Should().BeTrue("what is told to stop runs while nothing is locked");
    }

    [Test]
    public async Task Replicas_that_divide_differently_never_work_at_once()
    {
        var one = Start("one", 1);
        await PassAsync(() => one.Works.Length == 1);
        var two = Start("two", 2);

        await PassAsync(() => two.Works.Length > 0, TimeSpan.FromMinutes(1));
        two.Works.Should().BeEmpty("a part of another division works elsewhere");
        HolderOf("scaler.00-of-02").Should().BeEmpty();

        await one.StopAsync(_time);
        await PassAsync(() => two.Works.Length == 2);
        two.Works.Should().HaveCount(2);
    }

    [Test]
    public async Task A_holder_of_another_division_that_died_is_waited_for_no_longer_than_its_Lease()
    {
        _cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "system", Name = "scaler.01-of-03" },
                Spec = new LeaseSpec
                {
                    HolderIdentity = "dead",
                    LeaseDurationSeconds = 15,
                    RenewTime = DateTimeOffset.UnixEpoch,
                },
            }
        );
        var one = Start("one", 1);

        await PassAsync(() => one.Works.Length == 1, TimeSpan.FromSeconds(13));
        one.Works.Should().BeEmpty();

        await PassAsync(() => one.Works.Length == 1, TimeSpan.FromSeconds(8));
        one.Works.Should().Equal("00-of-01");
    }

    private string HolderOf(string lease) => _cluster.Find(Resources.Leases, "system", lease)?.Spec?.HolderIdentity ?? "";

    private Replica Start(string identity, int shards)
    {
        var replica = new Replica(
            _cluster,
            identity,
            shards,
            () => [.. _replicas.Where(other => other.Runs).Select(other => other.Identity)],
            _time
        );
        _replicas.Add(replica);
        return replica;
    }

    private Task PassAsync(Func<bool> enough, TimeSpan? most = null) => _time.PassAsync(most ?? TimeSpan.FromMinutes(1), enough);

    private sealed class Replica
    {
        private readonly ConcurrentDictionary<string, bool> _works = new();
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;

        public Replica(
            InMemoryCluster cluster,
            string identity,
            int shards,
            Func<IReadOnlyCollection<string>> candidates,
            ManualTimeProvider time
        )
        {
            Identity = identity;
            var options = new ModuleHostOptions
            {
                Election = new LeaderElectionOptions("system", identity)
                {
                    LeaseDuration = TimeSpan.FromSeconds(15),
                    RenewDeadline = TimeSpan.FromSeconds(10),
                    RetryPeriod = TimeSpan.FromSeconds(2),
                },
                Shards = shards,
                Candidates = _ => candidates(),
            };
            Host = new ModuleHost(
                [new Divided(this)],
                cluster,
                cluster,
                options,
                NullLoggerFactory.Instance,
                time,
                cluster.For(Resources.Leases)
            );
            _running = Host.RunAsync(_stop.Token);
        }

        public string Identity { get; }

        public ModuleHost Host { get; }

        public bool Runs => !_stop.IsCancellationRequested;

        public ConcurrentQueue<string> Log { get; } = new();

        public Action Told { get; set; } = static () => { };

        public string[] Works => [.. _works.Keys.Order(StringComparer.Ordinal)];

        public async Task StopAsync(ManualTimeProvider time)
        {
            await _stop.CancelAsync();
            while (!_running.IsCompleted)
            {
                time.Advance(TimeSpan.FromMilliseconds(100));
                await Task.Delay(1);
            }

            await _running;
        }

        private sealed class Divided(Replica replica) : IShardedModule
        {
            public string Name => "scaler";

            public Activation Activation => Activation.Leader;

            public IServingModule CreateShard(Shard shard) => new Part(replica, shard);

            public Task RunAsync(IKubernetesClient client, CancellationToken cancellation) =>
                throw new InvalidOperationException("it is divided");
        }

        private sealed class Part(Replica replica, Shard shard) : IServingModule
        {
            public string Name => $"scaler {shard}";

            public Activation Activation => Activation.Leader;

            public async Task RunAsync(IKubernetesClient client, CancellationToken cancellation)
            {
                replica._works[$"{shard}"] = true;
                replica.Log.Enqueue($"{shard} started");
                var over = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await using var registration = cancellation.Register(() =>
                {
                    replica.Told();
                    over.TrySetResult();
                });
                await over.Task;
                replica.Log.Enqueue($"{shard} stopped");
                replica._works.TryRemove($"{shard}", out _);
            }
        }
    }
}

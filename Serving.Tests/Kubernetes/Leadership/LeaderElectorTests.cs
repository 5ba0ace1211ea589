using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Leadership;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class LeaderElectorTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly InMemoryCluster _cluster;

    public LeaderElectorTests() => _cluster = new InMemoryCluster(_time);

    [Test]
    public async Task A_released_lease_is_taken_at_the_next_look()
    {
        var first = Start("one");
        await Eventually.HoldsAsync(() => first.Terms.Should().Be(1));
        Lease().Spec!.LeaseDurationSeconds.Should().Be(60);
        var second = Start("two");
        await first.StopAsync();
        Lease().Spec!.HolderIdentity.Should().BeNullOrEmpty();

        await PassAsync(TimeSpan.FromSeconds(13), () => second.Terms == 1);

        Lease().Spec!.HolderIdentity.Should().Be("two");
        Lease().Spec!.LeaseTransitions.Should().Be(1);
        await second.StopAsync();
    }

    [Test]
    public async Task A_dead_holder_is_only_replaced_after_its_lease_was_seen_unchanged_for_its_duration()
    {
        _cluster.Put(Resources.Leases, new Lease
        {
            Metadata = new ObjectMeta { Namespace = "system", Name = "lease" },
            Spec = new LeaseSpec { HolderIdentity = "dead", LeaseDurationSeconds = 60, RenewTime = DateTimeOffset.UnixEpoch },
        });
        var candidate = Start("two");

        await PassAsync(TimeSpan.FromSeconds(55), () => false);
        candidate.Terms.Should().Be(0, "the clocks of others are not believed");
        await PassAsync(TimeSpan.FromSeconds(30), () => candidate.Terms == 1);

        candidate.Terms.Should().Be(1);
        await candidate.StopAsync();
    }

    [Test]
    public async Task A_holder_that_cannot_renew_stops_at_the_deadline()
    {
        var leader = Start("one");
        await Eventually.HoldsAsync(() => leader.Terms.Should().Be(1));
        for (var i = 0; i < 20; i++)
        {
            _cluster.FailNext(r => r.Plural == "leases", new KubernetesException("renew", new Status { Code = 503, Message = "away" }));
        }

        await PassAsync(TimeSpan.FromSeconds(38), () => false);
        leader.Ended.Should().Be(0);
        await PassAsync(TimeSpan.FromSeconds(5), () => leader.Ended == 1);

        await Eventually.HoldsAsync(() => leader.Ended.Should().Be(1));
        await leader.StopAsync();
    }

    [Test]
    public async Task A_holder_takes_over_other_times_with_its_next_renewal()
    {
        var leader = Start("one");
        await Eventually.HoldsAsync(() => leader.Terms.Should().Be(1));

        leader.Elector.ChangeTimes(new LeaderElectionOptions("other", "other")
        {
            LeaseDuration = TimeSpan.FromSeconds(15),
            RenewDeadline = TimeSpan.FromSeconds(10),
            RetryPeriod = TimeSpan.FromSeconds(2),
        });
        await PassAsync(TimeSpan.FromSeconds(12), () => Lease().Spec!.LeaseDurationSeconds == 15);

        Lease().Spec.Should().Match<LeaseSpec>(spec => spec.LeaseDurationSeconds == 15 && spec.HolderIdentity == "one");
        leader.Terms.Should().Be(1, "the term goes on");
        for (var i = 0; i < 20; i++)
        {
            _cluster.FailNext(r => r.Plural == "leases", new KubernetesException("renew", new Status { Code = 503, Message = "away" }));
        }

        await PassAsync(TimeSpan.FromSeconds(14), () => leader.Ended == 1);
        await Eventually.HoldsAsync(() => leader.Ended.Should().Be(1, "the shorter deadline is in force"));
        await leader.StopAsync();
    }

    [Test]
    public void A_renewal_that_would_let_others_in_sooner_brings_the_end_forward_before_its_answer_is_known()
    {
        using var term = new LeaderTerm("lease", TimeSpan.FromSeconds(40), _time.GetTimestamp(), _time);

        term.Renewing(_time.GetTimestamp(), TimeSpan.FromSeconds(10));
        _time.Advance(TimeSpan.FromSeconds(10));

        term.IsHeld.Should().BeFalse();
        term.Token.IsCancellationRequested.Should().BeTrue();
    }

    [Test]
    public async Task A_fenced_client_refuses_writes_past_the_deadline_and_unsafe_ones_always()
    {
        using var term = new LeaderTerm("lease", TimeSpan.FromSeconds(40), _time.GetTimestamp(), _time);
        var client = new FencedKubernetesClient(_cluster, term);
        var map = new ConfigMap { Metadata = new ObjectMeta { Namespace = "a", Name = "m" } };
        await client.CreateAsync(Resources.ConfigMaps, map, CancellationToken.None);

        var blind = () => client.UpdateAsync(Resources.ConfigMaps, map, CancellationToken.None);
        await blind.Should().ThrowAsync<InvalidOperationException>();
        var forced = () => client.PatchAsync(Resources.ConfigMaps, "a", "m", new Patch(PatchType.Apply, "{}"), CancellationToken.None, new WriteOptions(Force: true));
        await forced.Should().ThrowAsync<InvalidOperationException>();

        _time.Advance(TimeSpan.FromSeconds(39));
        term.Renewed(_time.GetTimestamp());
        _time.Advance(TimeSpan.FromSeconds(39.9));
        term.IsHeld.Should().BeTrue();
        await client.DeleteAsync(Resources.ConfigMaps, "a", "m", CancellationToken.None);
        _time.Advance(TimeSpan.FromSeconds(0.1));

        term.Token.IsCancellationRequested.Should().BeTrue();
        var late = () => client.CreateAsync(Resources.ConfigMaps, map, CancellationToken.None);
        await late.Should().ThrowAsync<LeaseLostException>();
        term.Renewed(_time.GetTimestamp());
        term.IsHeld.Should().BeFalse("a term that is over stays over");
    }

    private Lease Lease() => _cluster.Find(Resources.Leases, "system", "lease")!;

    private Candidate Start(string identity)
        => new(new LeaderElector(_cluster, "lease", new LeaderElectionOptions("system", identity), NullLogger.Instance, _time));

    /// <summary>Lets time pass in steps, with room for what waits in between, until <paramref name="enough"/>.</summary>
    private async Task PassAsync(TimeSpan time, Func<bool> enough)
    {
        for (var passed = TimeSpan.Zero; passed < time && !enough(); passed += TimeSpan.FromSeconds(1))
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Delay(10);
        }
    }

    private sealed class Candidate
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;
        private int _terms;
        private int _ended;

        public Candidate(LeaderElector elector)
        {
            Elector = elector;
            _running = elector.RunAsync(
                async (_, token) =>
                {
                    Interlocked.Increment(ref _terms);
                    var over = new TaskCompletionSource();
                    await using var registration = token.Register(() => over.TrySetResult());
                    await over.Task;
                    Interlocked.Increment(ref _ended);
                },
                _stop.Token);
        }

        public LeaderElector Elector { get; }

        public int Terms => Volatile.Read(ref _terms);

        public int Ended => Volatile.Read(ref _ended);

        public async Task StopAsync()
        {
            await _stop.CancelAsync();
            await _running.WaitAsync(TimeSpan.FromSeconds(10));
            _stop.Dispose();
        }
    }
}

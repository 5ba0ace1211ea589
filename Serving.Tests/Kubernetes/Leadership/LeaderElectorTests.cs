using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Leadership;
using Serving.Tests.Concurrency;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Leadership;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
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
        _cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "system", Name = "lease" },
                Spec = new LeaseSpec
                {
                    HolderIdentity = "dead",
                    LeaseDurationSeconds = 60,
                    RenewTime = DateTimeOffset.UnixEpoch,
                },
            }
        );
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
    public async Task Whatever_goes_wrong_once_a_candidate_tries_again_and_a_holder_renews_again()
    {
        void Break() => _cluster.FailNext(r => r.Plural == "leases", new InvalidOperationException("no credential"));
        Break();
        var leader = Start("one");
        await PassAsync(TimeSpan.FromSeconds(13), () => leader.Terms == 1);
        leader.Terms.Should().Be(1);

        Break();
        await PassAsync(TimeSpan.FromSeconds(50), () => leader.Ended == 1);

        leader.Ended.Should().Be(0, "one renewal that failed is not the deadline");
        await leader.StopAsync();
    }

    [Test]
    public async Task A_holder_takes_over_other_times_with_its_next_renewal()
    {
        var leader = Start("one");
        await Eventually.HoldsAsync(() => leader.Terms.Should().Be(1));

        leader.Elector.ChangeTimes(
            new LeaderElectionOptions("other", "other")
            {
                LeaseDuration = TimeSpan.FromSeconds(15),
                RenewDeadline = TimeSpan.FromSeconds(10),
                RetryPeriod = TimeSpan.FromSeconds(2),
            }
        );
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
    public void What_fails_when_a_term_ends_does_not_reach_the_timer_that_ended_it()
    {
        using var failures = new ReportedFailures();
        using var term = new LeaderTerm("lease", TimeSpan.FromSeconds(40), _time.GetTimestamp(), _time);
        term.Token.Register(static () => throw new InvalidOperationException("ending the work of this test"));

        var ending = () => _time.Advance(TimeSpan.FromSeconds(40));

        ending.Should().NotThrow();
        failures.Of("A cancellation callback").Should().ContainMatch("*ending the work of this test*");
    }

    [Test]
    public async Task A_fenced_client_refuses_writes_past_the_deadline_and_unsafe_ones_always()
    {
        using var term = new LeaderTerm("lease", TimeSpan.FromSeconds(40), _time.GetTimestamp(), _time);
        var client = new FencedKubernetesClient(_cluster, term);
        var map = new ConfigMap
        {
            Metadata = new ObjectMeta { Namespace = "a", Name = "m" },
        };
        await client.CreateAsync(Resources.ConfigMaps, map, CancellationToken.None);

        var blind = () => client.UpdateAsync(Resources.ConfigMaps, map, CancellationToken.None);
        await blind.Should().ThrowAsync<InvalidOperationException>();
        var forced = () =>
            client.PatchAsync(
                Resources.ConfigMaps,
                "a",
                "m",
                new Patch(PatchType.Apply, "{}"),
                CancellationToken.None,
                new WriteOptions(Force: true)
            );
        await forced.Should().ThrowAsync<InvalidOperationException>();

        foreach (
            var patch in new[]
            {
                new Patch(PatchType.Merge, """{"data":{}}"""),
                new Patch(PatchType.Json, """[{"op":"add","path":"/data","value":{}}]"""),
            }
        )
        {
            var blindPatch = () => client.PatchAsync(Resources.ConfigMaps, "a", "m", patch, CancellationToken.None);
            await blindPatch.Should().ThrowAsync<InvalidOperationException>("a patch that names no version would undo a newer leader's");
        }

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

    [Test]
    public async Task A_standby_that_hears_of_a_released_lease_takes_it_at_once()
    {
        var leases = _cluster.For(Resources.Leases);
        var first = Start("one", leases);
        await Eventually.HoldsAsync(() => first.Terms.Should().Be(1));
        var second = Start("two", leases);
        await Eventually.HoldsAsync(() => _time.ActiveTimers.Should().BeGreaterThan(2, "it waits for its next look"));

        await first.StopAsync();
        await PassAsync(TimeSpan.FromSeconds(1), () => second.Terms == 1, TimeSpan.FromMilliseconds(100));

        Lease().Spec!.HolderIdentity.Should().Be("two");
        await second.StopAsync();
    }

    [Test]
    public async Task A_dead_holders_lease_is_taken_when_it_expires_and_not_a_retry_period_later()
    {
        Hold("lease", "dead");
        var candidate = Start("two", _cluster.For(Resources.Leases));

        await PassAsync(TimeSpan.FromSeconds(59), () => false);
        candidate.Terms.Should().Be(0);
        await PassAsync(TimeSpan.FromSeconds(2), () => candidate.Terms == 1, TimeSpan.FromMilliseconds(200));

        candidate.Terms.Should().Be(1);
        await candidate.StopAsync();
    }

    [Test]
    public async Task Of_several_leases_none_is_taken_while_another_holds_one()
    {
        Hold("second", "other");
        var candidate = Start("one", _cluster.For(Resources.Leases), "first", "second", "third");
        await PassAsync(TimeSpan.FromSeconds(30), () => false);
        candidate.Terms.Should().Be(0);
        _cluster.All(Resources.Leases).Should().ContainSingle("whoever holds the others now keeps working");

        _cluster.Put(Resources.Leases, Lease("second") with { Spec = new LeaseSpec { HolderIdentity = "" } });
        await PassAsync(TimeSpan.FromSeconds(2), () => candidate.Terms == 1, TimeSpan.FromMilliseconds(100));

        candidate.Terms.Should().Be(1);
        _cluster.All(Resources.Leases).Should().HaveCount(3).And.OnlyContain(lease => lease.Spec!.HolderIdentity == "one");
        await candidate.StopAsync();
        _cluster.All(Resources.Leases).Should().OnlyContain(lease => string.IsNullOrEmpty(lease.Spec!.HolderIdentity));
    }

    [Test]
    public async Task Of_several_leases_those_taken_are_given_back_when_another_is_faster_at_the_next()
    {
        _cluster.FailNext(
            request => request is { Verb: "create", Key.Name: "second" },
            new KubernetesException(
                "create",
                new Status
                {
                    Code = 409,
                    Reason = "AlreadyExists",
                    Message = "exists",
                }
            )
        );
        var candidate = Start("one", null, "first", "second");

        await Eventually.HoldsAsync(() => Lease("first").Spec!.HolderIdentity.Should().BeNullOrEmpty());
        candidate.Terms.Should().Be(0);
        await PassAsync(TimeSpan.FromSeconds(13), () => candidate.Terms == 1);

        candidate.Terms.Should().Be(1);
        await candidate.StopAsync();
    }

    [Test]
    public async Task The_loss_of_one_of_several_leases_ends_the_term_and_frees_the_others()
    {
        var leader = Start("one", null, "first", "second");
        await Eventually.HoldsAsync(() => leader.Terms.Should().Be(1));

        Hold("second", "thief");
        await PassAsync(TimeSpan.FromSeconds(12), () => leader.Ended == 1);

        await Eventually.HoldsAsync(() => leader.Ended.Should().Be(1));
        await Eventually.HoldsAsync(() => Lease("first").Spec!.HolderIdentity.Should().BeNullOrEmpty());
        Lease("second").Spec!.HolderIdentity.Should().Be("thief");
        await leader.StopAsync();
    }

    private void Hold(string name, string holder) =>
        _cluster.Put(
            Resources.Leases,
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "system", Name = name },
                Spec = new LeaseSpec
                {
                    HolderIdentity = holder,
                    LeaseDurationSeconds = 60,
                    RenewTime = DateTimeOffset.UnixEpoch,
                },
            }
        );

    private Lease Lease(string name = "lease") => _cluster.Find(Resources.Leases, "system", name)!;

    private Candidate Start(string identity, IInformer<Lease>? hears = null, params string[] leases) =>
        new(
            new LeaderElector(
                _cluster,
                leases is [] ? ["lease"] : leases,
                new LeaderElectionOptions("system", identity),
                NullLogger.Instance,
                _time
            ),
            hears
        );

    private Task PassAsync(TimeSpan time, Func<bool> enough, TimeSpan? steps = null) => _time.PassAsync(time, enough, steps);

    private sealed class Candidate
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _running;
        private int _terms;
        private int _ended;

        public Candidate(LeaderElector elector, IInformer<Lease>? hears)
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
                hears,
                _stop.Token
            );
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

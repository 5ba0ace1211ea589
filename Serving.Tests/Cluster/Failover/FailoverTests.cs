using FluentAssertions;
using NUnit.Framework;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.Failover;

/// <summary>
/// Three hosts on one API server under a steady load: when one of them fails, the others take over its work in time, no host
/// writes under another's Lease, and requests to live hosts succeed.
/// </summary>
[Category("Slow")]
public sealed class FailoverTests
{
    private const string Steady = "steady";
    private const int RequestsPerSecond = 200;

    /// <summary>The tolerance on top of the lease time for a slow machine.</summary>
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(6);

    /// <summary>How long a busy machine may delay a write that has started.</summary>
    private static readonly TimeSpan OnItsWay = TimeSpan.FromSeconds(1);

    /// <summary>A multiple of the lease duration.</summary>
    private static readonly TimeSpan Away = TimeSpan.FromSeconds(15);

    private static readonly string[] Leases =
    [
        "controller.00-of-01",
        "autoscaler.00-of-02",
        "autoscaler.01-of-02",
        "gateway-status.00-of-01",
    ];

    private ThreeHosts _cluster = null!;
    private SteadyTraffic _traffic = null!;
    private int _services;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster(
            "this stops and cuts off processes of this machine and reads the API server's audit log; HighAvailabilityTests kills replicas of any cluster"
        );
        _cluster = await ThreeHosts.StartAsync();
        await _cluster.CreateServiceAsync(Steady);
        await _cluster.ReadyAsync(Steady);
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [SetUp]
    public async Task BeginAsync()
    {
        foreach (var lease in Leases)
        {
            await _cluster.LeaderAsync(lease);
        }

        _traffic = new SteadyTraffic(
            [.. _cluster.Hosts.Select(host => new Uri($"http://127.0.0.1:{host.GatewayPort}"))],
            $"{Steady}.default.localhost",
            RequestsPerSecond
        );
        await Eventually.HoldsAsync(() => _traffic.Answered.Should().BeGreaterThan(RequestsPerSecond / 2));
    }

    [TearDown]
    public async Task EndAsync()
    {
        await _traffic.DisposeAsync();
        foreach (var host in _cluster.Hosts.Where(host => !host.Runs))
        {
            await host.StartAsync();
        }
    }

    [Test]
    public async Task A_killed_leader_of_any_module_is_replaced_within_the_lease_time()
    {
        foreach (var lease in Leases)
        {
            var leader = await _cluster.LeaderAsync(lease);
            var held = await LedByAsync(leader);
            var sleeping = await CreateSleepingServiceAsync();
            var killed = DateTimeOffset.UtcNow;
            _traffic.Down(Number(leader));
            await leader.KillAsync();

            var service = await CreateServiceAsync();
            var woken = ThreeHosts.CallAsync(sleeping, _cluster.Hosts.First(host => host != leader));
            await TakenOverAsync(held, leader, killed, ThreeHosts.LeaseDuration + Margin);
            await _cluster.ReadyAsync(service);
            (await woken).Should().Be("Hello World!\n", "a request to a Service at zero waits for the next leader's decision");
            Say($"kill -9 of the leader of {lease}: a Service created then was ready after {Since(killed)}");
            await leader.StartAsync();
            _traffic.Up(Number(leader));
        }

        await CheckAsync("kill -9");
    }

    [Test]
    public async Task A_leader_that_was_stopped_past_its_lease_does_not_write_when_it_goes_on()
    {
        var leader = await _cluster.LeaderAsync(Leases[1]);
        var held = await LedByAsync(leader);
        var stopped = DateTimeOffset.UtcNow;
        _traffic.Down(Number(leader));
        await leader.SignalAsync("STOP");
        try
        {
            var service = await CreateServiceAsync();
            await TakenOverAsync(held, leader, stopped, ThreeHosts.LeaseDuration + Margin);
            await _cluster.ReadyAsync(service);
            Say($"SIGSTOP: a Service created then was ready after {Since(stopped)}");
        }
        finally
        {
            await leader.SignalAsync("CONT");
        }

        await Eventually.HoldsAsync(() => leader.Runs.Should().BeTrue());
        _traffic.Up(Number(leader));
        await ConvergesAsync();
        await CheckAsync("SIGSTOP and SIGCONT");
    }

    [Test]
    public async Task A_leader_that_is_cut_off_from_the_API_is_replaced_and_keeps_serving()
    {
        var leader = await _cluster.LeaderAsync(Leases[0]);
        var held = await LedByAsync(leader);
        var cut = DateTimeOffset.UtcNow;
        var service = "";
        await leader.ToApi.CutAsync();
        try
        {
            service = await CreateServiceAsync();
            await TakenOverAsync(held, leader, cut, ThreeHosts.LeaseDuration + Margin);

            // Its gateway still receives requests, so a new Service becomes ready only after that gateway knows it; its revision becomes
            // ready before.
            await _cluster.ReadyAsync(service, "ConfigurationsReady");
            Say($"cut off from the API: the revision of a Service created then was ready after {Since(cut)}");
        }
        finally
        {
            leader.ToApi.Repair();
        }

        var mended = DateTimeOffset.UtcNow;
        await _cluster.ReadyAsync(service);
        Say($"cut off from the API: the Service was ready {Since(mended)} after the way was open again");
        await ConvergesAsync();
        await CheckAsync("cut off from the API");
    }

    [Test]
    public async Task A_leader_that_is_told_to_stop_hands_over_at_once()
    {
        var leader = await _cluster.LeaderAsync(Leases[0]);
        var held = await LedByAsync(leader);
        _traffic.Down(Number(leader));
        var told = DateTimeOffset.UtcNow;
        await leader.SignalAsync("TERM");

        await TakenOverAsync(held, leader, told, ThreeHosts.LeaseDuration - TimeSpan.FromMilliseconds(500));
        (await leader.WaitForExitAsync(TimeSpan.FromSeconds(30))).Should().Be(0, leader.Output);
        foreach (var lease in held)
        {
            var released = _cluster
                .Audit.Read()
                .Last(entry => entry.Name == lease && entry.Resource == "leases" && entry.Host == leader.Pod && entry.Holder.Length == 0);
            var taken = _cluster.Audit.TakenOver(lease, "", released.Answered)!;
            Say($"clean stop: {lease} was free for {(taken.Answered - released.Answered).TotalMilliseconds:0} ms");
            (taken.Answered - released.Answered).Should().BeLessThan(TimeSpan.FromSeconds(1));
        }

        await leader.StartAsync();
        _traffic.Up(Number(leader));
        await CheckAsync("clean stop");
    }

    [Test]
    public async Task While_the_API_is_away_requests_are_answered_and_afterwards_everything_catches_up()
    {
        // A Service without requests: its pod is removed after the stable window when an autoscaler leads.
        var idle = await CreateServiceAsync();
        await _cluster.ReadyAsync(idle);
        int[] PodsOf(params string[] services) => [.. services.SelectMany(_cluster.PodProcesses)];
        var pods = PodsOf(Steady);
        var idlePods = PodsOf(idle);
        pods.Should().HaveCount(2);
        idlePods.Should().HaveCount(2);
        var before = _traffic.Answered;
        var away = DateTimeOffset.UtcNow;
        await _cluster.StopApiAsync();
        await Eventually.HoldsAsync(() => (DateTimeOffset.UtcNow - away).Should().BeGreaterThan(Away), Away * 2);
        _traffic.Answered.Should().BeGreaterThan(before + ((long)Away.TotalSeconds * RequestsPerSecond / 2), "traffic goes on");
        PodsOf(Steady, idle).Should().Equal([.. pods, .. idlePods], "no pod ends because nobody decides");
        await _cluster.StartApiAsync();
        var back = DateTimeOffset.UtcNow;

        await ConvergesAsync();
        Say($"API away for {Away.TotalSeconds} s: a Service created when it was back was ready after {Since(back)}");
        PodsOf(Steady).Should().Equal(pods, "nothing that was not seen meanwhile counts against them");
        await CheckAsync("API away");
    }

    private static void Say(string text) => TestContext.Out.WriteLine($"failover: {text}");

    private static string Since(DateTimeOffset moment) => $"{(DateTimeOffset.UtcNow - moment).TotalSeconds:0.0} s";

    private int Number(ServingHost host) => _cluster.Hosts.ToList().IndexOf(host);

    private async Task<IReadOnlyList<string>> LedByAsync(ServingHost host)
    {
        var held = new List<string>();
        foreach (var lease in Leases)
        {
            if ((await _cluster.HolderAsync(lease)).StartsWith(host.Pod + "_", StringComparison.Ordinal))
            {
                held.Add(lease);
            }
        }

        return held;
    }

    private async Task<string> CreateServiceAsync()
    {
        var name = $"during-{++_services}";
        await _cluster.CreateServiceAsync(name, "0");
        return name;
    }

    /// <summary>A ready Service without pods, because it has had no requests yet.</summary>
    private async Task<string> CreateSleepingServiceAsync()
    {
        var name = $"sleeping-{++_services}";
        await _cluster.CreateServiceAsync(name, "0", initialScale: "0");
        await _cluster.ReadyAsync(name);
        _cluster.PodProcesses(name).Should().BeEmpty();
        return name;
    }

    /// <summary>Creates a Service and waits until it is ready, which needs every leader.</summary>
    private async Task ConvergesAsync() => await _cluster.ReadyAsync(await CreateServiceAsync());

    private async Task TakenOverAsync(IReadOnlyList<string> leases, ServingHost from, DateTimeOffset since, TimeSpan within)
    {
        foreach (var lease in leases)
        {
            AuditTrail.Entry? taken = null;
            await Eventually.HoldsAsync(
                () =>
                    (
                        taken = _cluster
                            .Audit.Read()
                            .FirstOrDefault(entry =>
                                entry is { Resource: "leases", Succeeded: true, Holder.Length: > 0 }
                                && entry.Name == lease
                                && entry.Host != from.Pod
                                && entry.Answered > since
                            )
                    )
                        .Should()
                        .NotBeNull($"{lease} is taken over"),
                within + TimeSpan.FromSeconds(20)
            );
            Say($"{lease} had a new leader after {(taken!.Answered - since).TotalSeconds:0.00} s");
            (taken.Answered - since).Should().BeLessThan(within);
        }
    }

    /// <summary>The invariants of all scenarios.</summary>
    private async Task CheckAsync(string what)
    {
        await _traffic.DisposeAsync();
        Say(
            $"{what}: {_traffic.Answered} requests answered, {_traffic.Failures.Count} failed on living gateways, {_traffic.Lost} lost with their gateway, {_traffic.Skipped} not sent"
        );
        foreach (var failure in _traffic.Failures.Take(20))
            Say($"  {failure}");
        var entries = _cluster.Audit.Read();
        var leaders = entries.Where(entry => entry.Lease.Length > 0 && entry.Resource != "leases").ToList();
        leaders.Should().NotBeEmpty("leaders write, and say under which Lease");
        leaders
            .Where(entry => entry.Changes && entry.Succeeded && entry.Version.Length == 0)
            .Should()
            .BeEmpty("every update names the version it is based on");

        // A write starts within the renew deadline after the renewal was sent, which is before its response; sending may be delayed.
        AuditTrail.Late(entries, ThreeHosts.RenewDeadline + OnItsWay).Should().BeEmpty();
        _traffic.Failures.Should().BeEmpty();
    }
}

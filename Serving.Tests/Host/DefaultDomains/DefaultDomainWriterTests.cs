using System.Net;
using FluentAssertions;
using NUnit.Framework;
using Serving.Host;
using Serving.Host.DefaultDomains;
using Serving.Tests.Support;

namespace Serving.Tests.Host.DefaultDomains;

/// <summary>What is written into config-domain, what is left alone, and what happens while something is missing.</summary>
internal sealed class DefaultDomainWriterTests
{
    private InMemoryCluster _cluster = null!;
    private ManualTimeProvider _time = null!;
    private List<string> _progress = null!;

    [SetUp]
    public void SetUp()
    {
        _time = new ManualTimeProvider();
        _cluster = new InMemoryCluster(_time);
        _progress = [];
        _cluster.PutPod();
        _cluster.PutDomains();
    }

    [TestCase("203.0.113.7", "203.0.113.7.sslip.io")]
    [TestCase("2001:db8::7", "2001-db8--7.sslip.io")]
    [TestCase("lb.example.com", "203.0.113.8.sslip.io")]
    public async Task The_address_of_the_load_balancer_becomes_the_domain_of_all_Routes(string ingress, string domain)
    {
        _cluster.PutGateway("LoadBalancer", ingress);

        (await RunAsync()).Should().Be(domain);

        _cluster.Domains().Should().Equal(new Dictionary<string, string> { [domain] = "" });
        _progress.Should().ContainSingle().Which.Should().StartWith($"ConfigMap knative-serving/config-domain: set {domain}");
    }

    [Test]
    public async Task A_node_port_is_printed_because_URLs_do_not_contain_it()
    {
        _cluster.PutGateway("NodePort");
        _cluster.PutNode("node-a", "InternalIP=10.0.0.1");

        (await RunAsync()).Should().Be("10.0.0.1.sslip.io");

        _progress.Should().ContainSingle().Which.Should().EndWith("http://NAME.NAMESPACE.10.0.0.1.sslip.io:30080");
    }

    [TestCase("example.com", "")]
    [TestCase("203.0.113.99.sslip.io", "")]
    [TestCase("svc.cluster.local", "")]
    public async Task A_domain_that_a_user_set_for_all_Routes_is_left_alone(string domain, string value)
    {
        _cluster.PutDomains((domain, value));
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");

        (await RunAsync()).Should().Be(domain);

        _cluster.Writes.Should().BeEmpty();
        _progress.Should().ContainSingle().Which.Should().Contain(domain).And.Contain("left unchanged");
    }

    [Test]
    public async Task Domains_for_some_Routes_stay_beside_the_new_one()
    {
        const string Selector = "selector:\n  app: nonprofit\n";
        _cluster.PutDomains(("example.org", Selector));
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");

        await RunAsync();

        _cluster.Domains().Should().Equal(new Dictionary<string, string> { ["203.0.113.7.sslip.io"] = "", ["example.org"] = Selector });
    }

    [Test]
    public async Task A_conflict_is_retried_with_what_is_stored_then()
    {
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");
        FailNextPatch(409, "Conflict", "the object has been modified");

        var running = RunAsync();
        await _time.PassAsync(TimeSpan.FromMinutes(1), () => running.IsCompleted);

        (await running).Should().Be("203.0.113.7.sslip.io");
        _cluster.Writes.Should().HaveCount(2);
        _progress[0].Should().StartWith("waiting: ConfigMap knative-serving/config-domain was changed meanwhile");
    }

    [Test]
    public async Task A_domain_that_a_user_sets_while_it_is_written_wins()
    {
        _cluster.PutGateway("LoadBalancer", "lb.example.com");

        // The user writes between the read and the write.
        var running = RunAsync(host =>
        {
            _cluster.PutDomains(("example.com", ""));
            return [IPAddress.Parse("203.0.113.8")];
        });
        await _time.PassAsync(TimeSpan.FromMinutes(1), () => running.IsCompleted);

        (await running).Should().Be("example.com");
        _cluster.Domains().Should().Equal(new Dictionary<string, string> { ["example.com"] = "" });
    }

    [Test]
    public async Task It_waits_for_each_thing_that_is_missing_and_prints_a_change_once()
    {
        var running = RunAsync();
        await PassAsync(3);
        _cluster.PutGateway("LoadBalancer");
        _cluster.PutPod(ready: false);
        await PassAsync(3);
        _cluster.PutPod();
        await PassAsync(3);
        running.IsCompleted.Should().BeFalse();
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");
        await _time.PassAsync(TimeSpan.FromMinutes(1), () => running.IsCompleted);

        (await running).Should().Be("203.0.113.7.sslip.io");
        _progress.Should().HaveCount(4);
        _progress[0].Should().Contain("gateway does not exist");
        _progress[1].Should().Contain("none of its 1 pods is ready");
        _progress[2].Should().Contain("status.loadBalancer.ingress has no address");
        _progress[3].Should().Contain("set 203.0.113.7.sslip.io");
    }

    [TestCase(500, "InternalError", "failed calling webhook \"config.webhook.serving.knative.dev\"")]
    [TestCase(503, "ServiceUnavailable", "connection refused")]
    [TestCase(429, "TooManyRequests", "slow down")]
    public async Task An_API_server_or_a_webhook_that_is_not_up_yet_is_waited_for(int code, string reason, string message)
    {
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");
        FailNextPatch(code, reason, message);

        var running = RunAsync();
        await _time.PassAsync(TimeSpan.FromMinutes(1), () => running.IsCompleted);

        (await running).Should().Be("203.0.113.7.sslip.io");
        _progress[0].Should().StartWith("waiting: ").And.Contain(message);
    }

    [Test]
    public async Task A_rejected_write_ends_it_with_the_reason()
    {
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");
        FailNextPatch(403, "Forbidden", "configmaps \"config-domain\" is forbidden");

        var failure = await FluentActions.Awaiting(() => RunAsync()).Should().ThrowAsync<UserErrorException>();

        failure.Which.Message.Should().Contain("config-domain").And.Contain("forbidden");
    }

    [Test]
    public async Task An_invalid_config_domain_ends_it_with_the_key()
    {
        _cluster.PutDomains(("Example.com", ""));
        _cluster.PutGateway("LoadBalancer", "203.0.113.7");

        var failure = await FluentActions.Awaiting(() => RunAsync()).Should().ThrowAsync<UserErrorException>();

        failure.Which.Message.Should().StartWith("ConfigMap knative-serving/config-domain:").And.Contain("Example.com");
    }

    [Test]
    public async Task Without_an_address_in_time_it_fails_and_says_what_is_missing()
    {
        _cluster.PutGateway("LoadBalancer");

        var running = RunAsync();
        await _time.PassAsync(TimeSpan.FromMinutes(19), () => running.IsCompleted, TimeSpan.FromSeconds(30));
        running.IsCompleted.Should().BeFalse();
        await _time.PassAsync(TimeSpan.FromMinutes(2), () => running.IsCompleted, TimeSpan.FromSeconds(30));

        var failure = await FluentActions.Awaiting(() => running).Should().ThrowAsync<UserErrorException>();
        failure
            .Which.Message.Should()
            .StartWith("Service knative-serving/gateway: status.loadBalancer.ingress has no address")
            .And.Contain("Gave up after 1200 s");
        _cluster.Domains().Should().BeEmpty();
    }

    [Test]
    public async Task A_name_server_that_does_not_respond_does_not_outlast_the_time()
    {
        _cluster.PutGateway("LoadBalancer", "lb.example.com");
        var finder = new GatewayAddressFinder(
            _cluster,
            GatewayObjects.Namespace,
            "gateway",
            async (_, cancellation) =>
            {
                await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
                return [];
            }
        );

        var running = RunAsync(finder, CancellationToken.None);
        await _time.PassAsync(TimeSpan.FromMinutes(21), () => running.IsCompleted, TimeSpan.FromMinutes(1));

        await FluentActions.Awaiting(() => running).Should().ThrowAsync<UserErrorException>();
    }

    [Test]
    public async Task A_stop_is_a_cancellation_and_no_time_out()
    {
        using var stop = new CancellationTokenSource();

        var running = RunAsync(Finder(Resolve), stop.Token);
        await stop.CancelAsync();

        await FluentActions.Awaiting(() => running).Should().ThrowAsync<OperationCanceledException>();
    }

    private async Task PassAsync(int polls)
    {
        for (var poll = 0; poll < polls; poll++)
        {
            await _time.PassAsync(TimeSpan.FromSeconds(5), static () => false, TimeSpan.FromSeconds(5));
        }
    }

    private void FailNextPatch(int code, string reason, string message) =>
        _cluster.FailNext(request => request.Verb == "patch", GatewayObjects.Failure(code, reason, message));

    private static IPAddress[] Resolve(string host) => [IPAddress.Parse("203.0.113.8")];

    private GatewayAddressFinder Finder(Func<string, IPAddress[]> resolve) =>
        new(_cluster, GatewayObjects.Namespace, "gateway", (host, _) => Task.FromResult(resolve(host)));

    private Task<string> RunAsync(Func<string, IPAddress[]>? resolve = null) =>
        RunAsync(Finder(resolve ?? Resolve), CancellationToken.None);

    private Task<string> RunAsync(GatewayAddressFinder finder, CancellationToken cancellation) =>
        new DefaultDomainWriter(_cluster, finder, new DefaultDomainOptions(GatewayObjects.Namespace), _progress.Add, _time).RunAsync(
            cancellation
        );
}

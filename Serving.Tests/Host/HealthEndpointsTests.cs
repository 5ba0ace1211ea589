using System.Net;
using FluentAssertions;
using Microsoft.Extensions.DependencyInjection;
using NUnit.Framework;
using Serving.Host.Health;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

[TestFixture]
internal sealed class HealthEndpointsTests : IProcessHealth
{
    private ServedPorts _ports = null!;
    private HttpClient _client = null!;

    public IReadOnlyList<string> Parts { get; } = ["caches", "webhook", "gateway", "controller"];

    private IReadOnlyList<PartHealth> Ready { get; set; } = [];

    private IReadOnlyList<PartHealth> Live { get; set; } = [];

    public PartHealth? Readiness(string part) => Find(Ready, part);

    public PartHealth? Liveness(string part) => Find(Live, part);

    [SetUp]
    public async Task StartAsync()
    {
        Ready = Live = [new("caches", null), new("webhook", null)];
        _ports = await ServedPorts.StartAsync(services =>
        {
            services.AddLogging();
            services.AddSingleton<IProcessHealth>(this).AddProbes(new IPEndPoint(IPAddress.Loopback, 0));
        });
        _client = new HttpClient { BaseAddress = new Uri($"http://{_ports["health"]}") };
    }

    [TearDown]
    public async Task StopAsync()
    {
        _client.Dispose();
        await _ports.DisposeAsync();
    }

    [TestCase("/readyz")]
    [TestCase("/livez")]
    public async Task Says_ok_while_nothing_is_wrong(string path)
    {
        (await GetAsync(path)).Should().Be((HttpStatusCode.OK, "ok"));
    }

    [Test]
    public async Task Verbose_names_every_part() =>
        (await GetAsync("/readyz?verbose")).Should().Be((HttpStatusCode.OK, "[+]caches ok\n[+]webhook ok\nreadyz check passed\n"));

    [Test]
    public async Task What_is_not_ready_is_named_and_leaves_the_process_live()
    {
        Ready = [new("caches", null), new("webhook", "the certificate is not\nin place yet")];

        (await GetAsync("/readyz"))
            .Should()
            .Be(
                (
                    HttpStatusCode.ServiceUnavailable,
                    "[+]caches ok\n[-]webhook failed: the certificate is not in place yet\nreadyz check failed\n"
                )
            );
        (await GetAsync("/livez")).Status.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task What_should_be_known_of_a_part_that_passes_is_told_to_who_asks_for_every_part()
    {
        Ready = [new("gateway", null), new("controller", null, "failed: no\ncredential")];

        (await GetAsync("/readyz")).Should().Be((HttpStatusCode.OK, "ok"));
        (await GetAsync("/readyz?verbose"))
            .Should()
            .Be((HttpStatusCode.OK, "[+]gateway ok\n[+]controller ok (failed: no credential)\nreadyz check passed\n"));
    }

    [Test]
    public async Task A_stuck_loop_fails_the_liveness_probe()
    {
        Live = [new("caches", null), new("controller", "service has been reconciling default/hello for 301 s")];

        (await GetAsync("/livez"))
            .Should()
            .Be(
                (
                    HttpStatusCode.ServiceUnavailable,
                    "[+]caches ok\n[-]controller failed: service has been reconciling default/hello for 301 s\nlivez check failed\n"
                )
            );
    }

    [TestCase("/", HttpStatusCode.NotFound)]
    [TestCase("/metrics", HttpStatusCode.NotFound)]
    public async Task Other_paths_are_not_there(string path, HttpStatusCode expected) =>
        (await GetAsync(path)).Should().Be((expected, "there are only /readyz and /livez here\n"));

    [Test]
    public async Task Nothing_can_be_written()
    {
        using var response = await _client.PostAsync("/readyz", content: null);

        response.StatusCode.Should().Be(HttpStatusCode.MethodNotAllowed);
        response.Content.Headers.Allow.Should().Equal("GET", "HEAD");
        (await response.Content.ReadAsStringAsync()).Should().Be("only GET and HEAD are allowed\n");
    }

    [Test]
    public async Task A_HEAD_request_is_told_the_same_without_a_body()
    {
        Ready = [new("webhook", "away")];
        using var request = new HttpRequestMessage(HttpMethod.Head, "/readyz");
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        response.Headers.CacheControl!.ToString().Should().Be("no-store");
        response.Content.Headers.ContentLength.Should().BePositive();
    }

    private static PartHealth? Find(IReadOnlyList<PartHealth> parts, string name) =>
        parts.Any(part => part.Name == name) ? parts.First(part => part.Name == name) : null;

    private async Task<(HttpStatusCode Status, string Body)> GetAsync(string path)
    {
        using var response = await _client.GetAsync(path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}

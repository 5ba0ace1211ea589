using System.Net;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Host.Health;

namespace Serving.Tests.Host;

[TestFixture]
internal sealed class HealthServerTests : IProcessHealth
{
    private HealthServer server = null!;
    private HttpClient client = null!;

    public IReadOnlyList<HealthCheck> Readiness { get; private set; } = [];

    public IReadOnlyList<HealthCheck> Liveness { get; private set; } = [];

    [SetUp]
    public async Task StartAsync()
    {
        Readiness = Liveness = [new("caches", null), new("webhook", null)];
        server = new HealthServer(new IPEndPoint(IPAddress.Loopback, 0), this, NullLoggerFactory.Instance);
        await server.StartAsync(CancellationToken.None);
        client = new HttpClient { BaseAddress = new Uri($"http://{server.EndPoint}") };
    }

    [TearDown]
    public async Task StopAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [TestCase("/readyz")]
    [TestCase("/livez")]
    public async Task Says_ok_while_nothing_is_wrong(string path)
    {
        (await GetAsync(path)).Should().Be((HttpStatusCode.OK, "ok"));
    }

    [Test]
    public async Task Verbose_names_every_part()
        => (await GetAsync("/readyz?verbose")).Should().Be((HttpStatusCode.OK, "[+]caches ok\n[+]webhook ok\nreadyz check passed\n"));

    [Test]
    public async Task What_is_not_ready_is_named_and_leaves_the_process_live()
    {
        Readiness = [new("caches", null), new("webhook", "the certificate is not\nin place yet")];

        (await GetAsync("/readyz")).Should().Be((HttpStatusCode.ServiceUnavailable, "[+]caches ok\n[-]webhook failed: the certificate is not in place yet\nreadyz check failed\n"));
        (await GetAsync("/livez")).Status.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task What_should_be_known_of_a_part_that_passes_is_told_to_who_asks_for_every_part()
    {
        Readiness = [new("gateway", null), new("controller", null, "failed: no\ncredential")];

        (await GetAsync("/readyz")).Should().Be((HttpStatusCode.OK, "ok"));
        (await GetAsync("/readyz?verbose")).Should().Be((HttpStatusCode.OK, "[+]gateway ok\n[+]controller ok (failed: no credential)\nreadyz check passed\n"));
    }

    [Test]
    public async Task A_stuck_loop_fails_the_liveness_probe()
    {
        Liveness = [new("caches", null), new("controller", "service has worked on default/hello for 301 s")];

        (await GetAsync("/livez")).Should().Be((HttpStatusCode.ServiceUnavailable, "[+]caches ok\n[-]controller failed: service has worked on default/hello for 301 s\nlivez check failed\n"));
    }

    [TestCase("/", HttpStatusCode.NotFound)]
    [TestCase("/metrics", HttpStatusCode.NotFound)]
    public async Task Other_paths_are_not_there(string path, HttpStatusCode expected) =>
        (await GetAsync(path)).Should().Be((expected, "there are only /readyz and /livez here\n"));

    [Test]
    public async Task Nothing_can_be_written()
    {
        using var response = await client.PostAsync("/readyz", content: null);

        response.StatusCode.Should().Be(HttpStatusCode.MethodNotAllowed);
        response.Content.Headers.Allow.Should().Equal("GET", "HEAD");
        (await response.Content.ReadAsStringAsync()).Should().Be("a probe comes by GET or HEAD\n");
    }

    private async Task<(HttpStatusCode Status, string Body)> GetAsync(string path)
    {
        using var response = await client.GetAsync(path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}

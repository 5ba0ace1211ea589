using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.ConfigMaps;
using Serving.Dataplane.Inspection;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Kubernetes.Queue;
using Serving.StatusPages.Http;
using Serving.StatusPages.Sources;
using Serving.Tests.Support;

namespace Serving.Tests.StatusPages;

/// <summary>Every page over HTTP: with nothing, with ordinary and with hostile data.</summary>
public sealed partial class StatusEndpointsTests
{
    private const string Hostile = "\"><script>alert('x')</script><img src=x onerror=alert(1)>&amp;";

    private static readonly string[] Paths =
    [
        "/status",
        "/status/services/default/hello",
        "/status/revisions/default/hello-00001",
        "/status/revisions/default/hello-00001/autoscaler",
        "/status/routes?host=hello.default.example.com",
        "/status/leaders",
        "/status/queues",
        "/status/informers",
        "/status/configuration",
        "/status/health",
    ];

    private StatusWorld _world = null!;
    private StatusEndpoints _endpoints = null!;
    private ServedPorts _ports = null!;
    private HttpClient _client = null!;

    [SetUp]
    public async Task StartAsync()
    {
        _world = new StatusWorld();
        _endpoints = new StatusEndpoints(_world.Sources, NullLoggerFactory.Instance, _world.Time);
        _ports = await ServedPorts.StartAsync(
            new ServingPort("health", new IPEndPoint(IPAddress.Loopback, 0))
            {
                Serve = port =>
                {
                    port.UseRouting();
                    port.UseEndpoints(_endpoints.Map);
                },
            }
        );
        _client = new HttpClient { BaseAddress = new Uri($"http://{_ports["health"]}") };
    }

    [TearDown]
    public async Task StopAsync()
    {
        _client.Dispose();
        await _ports.DisposeAsync();
        await _endpoints.DisposeAsync();
    }

    [TestCaseSource(nameof(Paths))]
    public async Task An_empty_process_has_every_page(string path)
    {
        var (status, html) = await GetAsync(path);

        status.Should().Be(path.Contains("default/", StringComparison.Ordinal) ? HttpStatusCode.NotFound : HttpStatusCode.OK);
        CheckStructure(html);
    }

    [TestCaseSource(nameof(Paths))]
    public async Task Pages_with_data_are_well_formed(string path)
    {
        Fill("ordinary");

        var (status, html) = await GetAsync(path);

        status.Should().Be(HttpStatusCode.OK);
        CheckStructure(html);
        html.Should().NotContain("hunter2", "the environment of a container is never shown");
    }

    [TestCaseSource(nameof(Paths))]
    public async Task Hostile_names_and_messages_are_text(string path)
    {
        Fill(Hostile);

        var (status, html) = await GetAsync(path);

        status.Should().Be(HttpStatusCode.OK);
        CheckStructure(html);
        html.Should().NotContain("<script").And.NotContain("<img").And.NotContain("href=\"javascript:");
        Attributes().Matches(html).Should().NotContain(match => match.Groups[1].Value.StartsWith("on", StringComparison.OrdinalIgnoreCase));
    }

    [TestCaseSource(nameof(Paths))]
    public async Task The_same_as_JSON(string path)
    {
        Fill(Hostile);
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Accept.ParseAdd("application/json");
        using var response = await _client.SendAsync(request);

        response.Content.Headers.ContentType!.MediaType.Should().Be("application/json");
        var json = await response.Content.ReadAsStringAsync();
        using var document = JsonDocument.Parse(json);
        document.RootElement.GetProperty("title").GetString().Should().NotBeNullOrEmpty();
        json.Should().NotContain("hunter2").And.NotContain("s3cr3t");
        (await GetAsync(path + (path.Contains('?') ? "&" : "?") + "format=json")).Body.Should().Be(json);
    }

    [Test]
    public async Task Headers_forbid_everything_but_the_style_sheet()
    {
        using var response = await _client.GetAsync("/status");
        var html = await response.Content.ReadAsStringAsync();

        var style = Style().Match(html).Groups[1].Value;
        style.Length.Should().BeGreaterThan(1000);
        response
            .Headers.GetValues("Content-Security-Policy")
            .Single()
            .Should()
            .Be(
                $"default-src 'none'; style-src 'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(style)))}'; "
                    + "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
            );
        response.Headers.CacheControl!.NoStore.Should().BeTrue();
        response.Headers.GetValues("X-Content-Type-Options").Should().Equal("nosniff");
        response.Headers.GetValues("X-Frame-Options").Should().Equal("DENY");
        response.Headers.GetValues("Referrer-Policy").Should().Equal("no-referrer");
        response.Headers.GetValues("Cross-Origin-Resource-Policy").Should().Equal("same-origin");
    }

    [TestCase("evil.example.com")]
    [TestCase("localhost.evil.example.com")]
    [TestCase("10.0.0.1:8090")]
    public async Task Another_Host_is_refused_against_DNS_rebinding(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status") { Headers = { Host = host } };
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await response.Content.ReadAsStringAsync()).Should().Be("the Host header must be localhost or a loopback address\n");
    }

    [TestCase("localhost:8090")]
    [TestCase("127.0.0.1:8090")]
    [TestCase("127.7.8.2")]
    [TestCase("[::1]:8090")]
    public async Task Names_of_this_machine_are_admitted(string host)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status") { Headers = { Host = host } };
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [TestCase("X-Forwarded-For", "10.0.0.1")]
    [TestCase("Forwarded", "for=10.0.0.1")]
    [TestCase("Via", "1.1 proxy")]
    public async Task A_forwarded_request_is_refused(string name, string value)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status");
        request.Headers.TryAddWithoutValidation(name, value);
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
        (await response.Content.ReadAsStringAsync()).Should().Contain(name);
    }

    [Test]
    public async Task A_sidecar_proxy_on_another_loopback_address_is_no_person()
    {
        using var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                socket.Bind(new IPEndPoint(IPAddress.Parse("127.0.0.6"), 0));
                await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        };
        using var client = new HttpClient(handler);
        using var response = await client.GetAsync($"http://{_ports["health"]}/status");

        response.StatusCode.Should().Be(HttpStatusCode.Forbidden);
    }

    [TestCase("POST")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    public async Task Nothing_can_be_written(string method)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), "/status");
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.MethodNotAllowed);
    }

    [Test]
    public async Task HEAD_has_the_length_and_no_body()
    {
        using var request = new HttpRequestMessage(HttpMethod.Head, "/status");
        using var response = await _client.SendAsync(request);

        response.Content.Headers.ContentLength.Should().BeGreaterThan(1000);
        (await response.Content.ReadAsByteArrayAsync()).Should().BeEmpty();
    }

    [TestCase("/status?page=x", "page: 'x' is not a number from 1 to 1000000.")]
    [TestCase("/status?state=odd", "state: 'odd' is not one of failing, waiting, ready.")]
    [TestCase("/status?refresh=1", "refresh: '1' is not a number from 2 to 300.")]
    [TestCase("/status?format=xml", "format: 'xml' is neither json nor html.")]
    [TestCase("/status/routes?host=a.b&path=x", "path: 'x' does not begin with a slash.")]
    public async Task A_parameter_that_cannot_be_used_is_named(string path, string expected)
    {
        var (status, html) = await GetAsync(path);

        status.Should().Be(HttpStatusCode.BadRequest);
        WebUtility.HtmlDecode(html).Should().Contain(expected);
    }

    [Test]
    public async Task An_unknown_page_says_so()
    {
        var (status, html) = await GetAsync("/status/nothing/here");

        status.Should().Be(HttpStatusCode.NotFound);
        html.Should().Contain("There is no such page.");
        CheckStructure(html);
    }

    [Test]
    public async Task Refreshing_is_asked_for_and_can_be_stopped()
    {
        (await GetAsync("/status?name=a")).Body.Should().NotContain("http-equiv").And.Contain("/status?name=a&amp;refresh=5");
        (await GetAsync("/status?name=a&refresh=5"))
            .Body.Should()
            .Contain("<meta http-equiv=\"refresh\" content=\"5\"")
            .And.Contain("href=\"/status?name=a\">Stop refreshing");
    }

    [Test]
    public async Task A_page_of_five_thousand_Services_is_bounded()
    {
        for (var i = 0; i < 5000; i++)
        {
            _world.PutService($"s{i:0000}");
        }

        await GetAsync("/status");
        var watch = System.Diagnostics.Stopwatch.StartNew();
        var html = (await GetAsync("/status?page=3")).Body;
        TestContext.Out.WriteLine($"a view of 5,000 Services took {watch.Elapsed.TotalMilliseconds:0.0} ms, {html.Length / 1024} KiB");

        html.Length.Should().BeLessThan(150_000);
    }

    [Test]
    public async Task A_page_that_cannot_be_made_is_an_error_without_its_details()
    {
        _world.Process = null!;
        using var request = new HttpRequestMessage(HttpMethod.Get, "/status/leaders?format=json");
        using var response = await _client.SendAsync(request);

        response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
        (await response.Content.ReadAsStringAsync())
            .Should()
            .Contain("The log of the process has the reason.")
            .And.NotContain("NullReference");
    }

    /// <summary>State with a text in every place that a user of the cluster can set.</summary>
    private void Fill(string text)
    {
        var service = _world.PutService("hello", "False", text, text);
        _world.Caches.Put(
            service with
            {
                Status = service.Status with
                {
                    Url = "javascript:alert(1)" + text,
                    Traffic =
                    [
                        new TrafficTarget
                        {
                            RevisionName = text,
                            Percent = 60,
                            Tag = text,
                            Url = "javascript:alert(1)",
                        },
                        new TrafficTarget { RevisionName = "hello-00001", Percent = 40 },
                    ],
                },
            }
        );
        _world.PutService(text, ns: text);
        _world.PutRevision("hello-00001", "hello");
        _world.PutPod(text, "hello-00001", "hello", isReady: false, Waiting(text));
        _world.PutPod("pod-2", "hello-00001", "hello");
        _world.Caches.Put(
            new Lease
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = text },
                Spec = new LeaseSpec
                {
                    HolderIdentity = text + "_10.0.0.1",
                    LeaseDurationSeconds = 15,
                    AcquireTime = _world.Time.GetUtcNow(),
                    RenewTime = _world.Time.GetUtcNow(),
                    LeaseTransitions = 3,
                },
            }
        );
        _world.Caches.States =
        [
            new InformerState("v1", "Pod")
            {
                Namespace = text,
                Objects = 7,
                LastEvent = _world.Time.GetUtcNow(),
                Lists = 2,
                Failures = 1,
                LastError = text,
            },
        ];
        _world.Queues =
        [
            new WorkQueueState(
                "revision",
                1,
                1,
                1,
                9,
                TimeSpan.FromSeconds(3),
                text,
                TimeSpan.FromSeconds(1),
                1,
                [new FailingKey(text, 4)]
            ),
        ];
        _world.Configuration =
        [
            new ConfigMapState(
                "config-observability",
                true,
                text,
                [new ConfigValue(text, text, false), new ConfigValue("tracing-endpoint", "http://u:s3cr3t@c", true)]
            ),
        ];
        var rule = new RouteRule(text, [text], text);
        var split = new RouteSplit(text, 100, text, text, false, "http1", 1, [new RouteEndpoint(text, true, 2, true)]);
        var listener = new ListenerExplanation(text, [new RouteStep(text, rule, text, false, false, text, true, [text], [split])], [rule]);
        _world.Route = new RouteExplanation(text, text, listener, listener, [text]);
        _world.Process = new ProcessReading(
            text,
            "knative-serving",
            text,
            DateTimeOffset.UnixEpoch,
            true,
            ["controller"],
            [new PartReading("process", text, text, text), new PartReading("controller", null, null, null)]
        );
        _world.Scaling = new ScalingReading(
            true,
            text,
            text,
            _world.Explanation(_world.Decision()) with
            {
                CollectionFailure = text,
                History = [new ScalingPoint(_world.Time.GetUtcNow() - TimeSpan.FromMinutes(1), 3, 4, 2, 1, true)],
            }
        );
    }

    private static ContainerState Waiting(string text) =>
        new()
        {
            Waiting = new ContainerStateWaiting { Reason = text, Message = text },
        };

    /// <summary>What a screen reader relies on, and what no page may have.</summary>
    private static void CheckStructure(string html)
    {
        html.Should().StartWith("<!DOCTYPE html>");
        html.Should().Contain("<html lang=\"en\">").And.Contain("<main id=\"content\"").And.Contain("href=\"#content\"");
        html.Should().NotContain("<script").And.NotContain(" style=\"");
        var headings = Headings().Matches(html).Select(match => match.Groups[1].Value[0] - '0').ToList();
        headings.Count(level => level == 1).Should().Be(1);
        headings.Zip(headings.Skip(1)).Where(pair => pair.Second > pair.First + 1).Should().BeEmpty("headings are in order");
        Tables().Matches(html).Where(match => !match.Value.Contains("<caption>", StringComparison.Ordinal)).Should().BeEmpty();
        HeaderCells().Matches(html).Where(match => !match.Value.Contains(" scope=\"", StringComparison.Ordinal)).Should().BeEmpty();
        foreach (Match field in Fields().Matches(html))
        {
            html.Should().Contain($"<label for=\"{field.Groups[1].Value}\">");
        }
    }

    private async Task<(HttpStatusCode Status, string Body)> GetAsync(string path)
    {
        using var response = await _client.GetAsync(path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    [GeneratedRegex("<style>(.*?)</style>", RegexOptions.Singleline)]
    private static partial Regex Style();

    [GeneratedRegex("<h([1-6])[ >]")]
    private static partial Regex Headings();

    [GeneratedRegex("<table.*?</table>", RegexOptions.Singleline)]
    private static partial Regex Tables();

    [GeneratedRegex("<th[ >][^>]*>?")]
    private static partial Regex HeaderCells();

    [GeneratedRegex("<(?:input|select) id=\"([a-z]+)\"")]
    private static partial Regex Fields();

    [GeneratedRegex("<[a-z][^>]*? ([a-z-]+)=\"")]
    private static partial Regex Attributes();
}

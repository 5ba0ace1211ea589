using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Networking.Gateway;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

[CancelAfter(30_000)]
[Category("Slow")]
public sealed class ProxyingTests : GatewayFixture
{
    [Test]
    public async Task Forwards_by_host_keeps_the_raw_path_and_tells_who_asked()
    {
        await Gateway.RouteAsync(
            "echo.test",
            async context =>
            {
                var headers = context.Request.Headers;
                var raw = context.Features.Get<IHttpRequestFeature>()!.RawTarget;
                await context.Response.WriteAsync(
                    $"{raw} {context.Request.Host} {headers["X-Forwarded-For"]} {headers["X-Forwarded-Proto"]} {headers["X-Forwarded-Host"]} {headers["Knative-Serving-Revision"]}"
                );
            }
        );

        using var request = Request("echo.test:8080", "/a%2Fb?c=%20");
        request.Headers.Add("X-Forwarded-For", "9.9.9.9");
        request.Headers.Add("X-Forwarded-Proto", "gopher");
        using var response = await Http.SendAsync(request);

        (await response.Content.ReadAsStringAsync())
            .Should()
            .Be("/a%2Fb?c=%20 echo.test:8080 127.0.0.1 http echo.test:8080 echo", "nobody stands in front who is believed");
        Gateway
            .Module.Statistics.Snapshot()
            .Should()
            .ContainSingle()
            .Which.Should()
            .Match<RevisionTraffic>(traffic =>
                traffic.Revision == "echo"
                && traffic.Namespace == "default"
                && traffic.Requests == 1
                && traffic.InFlight == 0
                && traffic.Errors == 0
            );
    }

    [TestCase(0, "127.0.0.1", "http", "told.test", "")]
    [TestCase(1, "9.9.9.9, 127.0.0.1", "https", "front.test", "for=9.9.9.9, for=127.0.0.1;host=\"told.test\";proto=http")]
    public async Task Believes_what_is_forwarded_only_of_proxies_that_it_is_told_of(
        int hops,
        string client,
        string scheme,
        string host,
        string forwarded
    )
    {
        await using var behind = await RunningGateway.StartAsync(options: RunningGateway.Options with { TrustedHops = hops });
        await behind.RouteAsync(
            "told.test",
            static context =>
                context.Response.WriteAsync(
                    string.Join(
                        '|',
                        new[] { "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded" }.Select(name =>
                            context.Request.Headers[name].ToString()
                        )
                    )
                )
        );

        using var request = Request("told.test", "/", behind.External);
        request.Headers.Add("X-Forwarded-For", "9.9.9.9");
        request.Headers.Add("X-Forwarded-Proto", "https");
        request.Headers.Add("X-Forwarded-Host", "front.test");
        request.Headers.Add("Forwarded", "for=9.9.9.9");
        using var response = await Http.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be($"{client}|{scheme}|{host}|{forwarded}");
    }

    [Test]
    public async Task Responds_with_404_for_an_unknown_host_and_says_why()
    {
        using var response = await Http.SendAsync(Request("nobody.test", "/"));

        response.StatusCode.Should().Be(HttpStatusCode.NotFound);
        (await response.Content.ReadAsStringAsync()).Should().Be("no route leads to this host and path\n");
    }

    [Test]
    public async Task Answers_503_when_no_endpoint_is_ready()
    {
        Gateway.Cluster.PutService("none");
        Gateway.Cluster.PutIngress("none", Rule("none.test", To("none")));
        await Gateway.RoutedAsync("none");

        using var response = await Http.SendAsync(Request("none.test", "/"));

        response.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        response.Headers.RetryAfter!.Delta.Should().Be(TimeSpan.FromSeconds(1));
    }

    [Test]
    public async Task A_request_waits_a_moment_for_an_endpoint_to_appear()
    {
        Gateway.Cluster.PutService("late");
        Gateway.Cluster.PutIngress("late", Rule("late.test", To("late")));
        await Gateway.RoutedAsync("late");

        var response = Http.SendAsync(Request("late.test", "/"));
        var backend = await Gateway.BackendAsync(static context => context.Response.WriteAsync("here"));
        Gateway.Cluster.PutEndpoints("late", backend.Endpoints[0]);

        (await (await response).Content.ReadAsStringAsync()).Should().Be("here");
    }

    [Test]
    public async Task Speaks_h2c_with_clients_and_with_backends_and_passes_trailers()
    {
        await Gateway.RouteAsync(
            "grpc.test",
            static async context =>
            {
                context.Response.ContentType = "application/grpc";
                context.Response.DeclareTrailer("grpc-status");
                var echo = await new StreamReader(context.Request.Body).ReadToEndAsync();
                await context.Response.WriteAsync($"{context.Request.Protocol} {echo}");
                context.Response.AppendTrailer("grpc-status", "0");
            },
            portName: "http2"
        );
        using var request = Request("grpc.test", "/svc/Method");
        request.Method = HttpMethod.Post;
        request.Version = HttpVersion.Version20;
        request.VersionPolicy = HttpVersionPolicy.RequestVersionExact;
        request.Headers.TE.ParseAdd("trailers");
        request.Content = new StringContent("hello");

        using var response = await Http.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("HTTP/2 hello");
        response.Version.Should().Be(HttpVersion.Version20);
        response.TrailingHeaders.GetValues("grpc-status").Should().Equal("0");
    }

    [Test]
    public async Task Passes_web_sockets()
    {
        await Gateway.RouteAsync(
            "ws.test",
            static async context =>
            {
                // An upgrade without a host around Kestrel: the bytes after the switch are echoed raw.
                context.Response.StatusCode = 101;
                context.Response.Headers.Connection = "Upgrade";
                context.Response.Headers.Upgrade = "websocket";
                context.Response.Headers["Sec-WebSocket-Accept"] = AcceptOf(context.Request.Headers["Sec-WebSocket-Key"]!);
                await using var stream = await context.Features.Get<IHttpUpgradeFeature>()!.UpgradeAsync();
                using var socket = WebSocket.CreateFromStream(stream, new WebSocketCreationOptions { IsServer = true });
                var buffer = new byte[1024];
                var received = await socket.ReceiveAsync(buffer.AsMemory(), default);
                await socket.SendAsync(buffer.AsMemory(0, received.Count), WebSocketMessageType.Text, true, default);
                await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, default);
            }
        );
        using var client = new ClientWebSocket();
        client.Options.SetRequestHeader("Host", "ws.test");
        await client.ConnectAsync(new Uri($"ws://{Gateway.External}/chat"), default);

        await client.SendAsync("ping"u8.ToArray(), WebSocketMessageType.Text, true, default);
        var buffer = new byte[16];
        var received = await client.ReceiveAsync(buffer, default);

        Encoding.UTF8.GetString(buffer, 0, received.Count).Should().Be("ping");
    }

    [Test]
    public async Task Streams_the_answer_as_it_comes()
    {
        var more = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await Gateway.RouteAsync(
            "stream.test",
            async context =>
            {
                await context.Response.WriteAsync("one");
                await context.Response.Body.FlushAsync();
                await more.Task;
                await context.Response.WriteAsync("two");
            }
        );

        using var response = await Http.SendAsync(Request("stream.test", "/"), HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        var buffer = new byte[3];
        await body.ReadExactlyAsync(buffer);
        more.SetResult();

        Encoding.ASCII.GetString(buffer).Should().Be("one");
        (await new StreamReader(body).ReadToEndAsync()).Should().Be("two");
    }

    [Test]
    public async Task Sets_headers_of_route_and_split_and_rewrites_the_host()
    {
        var backend = await Gateway.BackendAsync(static context =>
            context.Response.WriteAsync($"{context.Request.Host} {context.Request.Headers["A"]} {context.Request.Headers["B"]}")
        );
        Gateway.Cluster.PutService("set");
        Gateway.Cluster.PutEndpoints("set", backend.Endpoints[0]);
        var path = new HttpIngressPath
        {
            RewriteHost = "other.test",
            AppendHeaders = new Dictionary<string, string> { ["A"] = "route", ["B"] = "route" },
            Splits = [Share("set", 100) with { AppendHeaders = new Dictionary<string, string> { ["B"] = "split" } }],
        };
        Gateway.Cluster.PutIngress("set", Rule("set.test", path));
        await Gateway.RoutedAsync("set");
        using var request = Request("set.test", "/");
        request.Headers.Add("A", "client");

        using var response = await Http.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("other.test route split");
    }

    [Test]
    public async Task Follows_a_Service_that_stands_for_another_that_stands_for_the_gateway()
    {
        await Gateway.RouteAsync("hello.default.svc.cluster.local", static context => context.Response.WriteAsync("reached"));
        PutAlias("placeholder", "gateway-internal.knative-serving.svc.cluster.local");
        PutAlias("alias", "placeholder.default.svc.cluster.local");
        Gateway.Cluster.PutIngress("chained", Rule("my.domain", To("alias") with { RewriteHost = "hello.default.svc.cluster.local" }));
        await Gateway.RoutedAsync("chained");

        using var response = await Http.SendAsync(Request("my.domain", "/"));

        (await response.Content.ReadAsStringAsync()).Should().Be("reached");
    }

    [Test]
    public async Task Answers_503_where_Services_stand_for_each_other()
    {
        PutAlias("ping", "pong.default.svc.cluster.local");
        PutAlias("pong", "ping.default.svc.cluster.local");
        Gateway.Cluster.PutIngress("circle", Rule("circle.test", To("ping")));
        PutAlias("ping", "pong.default.svc.cluster.local");
        await Gateway.RoutedAsync("circle");

        using var response = await Http.SendAsync(Request("circle.test", "/"));

        response.StatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
    }

    [Test]
    public async Task Follows_a_Service_that_stands_for_the_gateway_to_the_cluster_local_host()
    {
        await Gateway.RouteAsync(
            "hello.default.svc.cluster.local",
            static context => context.Response.WriteAsync($"{context.Request.Host} {context.Request.Headers["X-Forwarded-Host"]}")
        );
        PutAlias("placeholder", "gateway-internal.knative-serving.svc.cluster.local");
        Gateway.Cluster.PutIngress("mapped", Rule("my.domain", To("placeholder") with { RewriteHost = "hello.default.svc.cluster.local" }));
        await Gateway.RoutedAsync("mapped");

        using var response = await Http.SendAsync(Request("my.domain", "/"));

        (await response.Content.ReadAsStringAsync()).Should().Be("hello.default.svc.cluster.local my.domain");
    }

    [Test]
    public async Task Answers_probes_with_the_version_that_is_routed()
    {
        await Gateway.RouteAsync("probe.test", static context => context.Response.WriteAsync("backend"));
        using var request = Request("probe.test", "/");
        request.Headers.Add("K-Network-Probe", "probe");
        request.Headers.Add("K-Network-Hash", "override");

        using var response = await Http.SendAsync(request);

        response
            .Headers.GetValues("K-Network-Hash")
            .Should()
            .Equal(Serving.Networking.Layers.IngressHash.Compute(Gateway.Cluster.Find(Resources.Ingresses, "default", "probe")!));
        (await response.Content.ReadAsStringAsync()).Should().BeEmpty();
    }

    [Test]
    public async Task Redirects_to_https_only_outside()
    {
        await Gateway.RouteAsync("secure.test", static context => context.Response.WriteAsync("inside"));
        var ingress = Gateway.Cluster.Find(Resources.Ingresses, "default", "secure")!;
        Gateway.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = ingress.Spec with { HttpOption = "Redirected" },
            }
        );
        await Gateway.RoutedAsync("secure");

        using var outside = await Http.SendAsync(Request("secure.test:8080", "/a?b"));
        using var inside = await Http.SendAsync(Request("secure.test", "/a?b", Gateway.ClusterLocal));

        outside.StatusCode.Should().Be(HttpStatusCode.MovedPermanently);
        outside.Headers.Location.Should().Be("https://secure.test/a?b");
        (await inside.Content.ReadAsStringAsync()).Should().Be("inside");
    }

    [TestCase("GET /a/../b HTTP/1.1\r\nHost: raw.test\r\n\r\n")]
    [TestCase("POST / HTTP/1.1\r\nHost: raw.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")]
    [TestCase("GET / HTTP/1.1\r\n\r\n")]
    public async Task Refuses_what_backends_might_read_differently(string request)
    {
        await Gateway.RouteAsync("raw.test", static context => context.Response.WriteAsync("reached"));
        using var client = new TcpClient();
        await client.ConnectAsync(Gateway.External);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request));

        var line = await new StreamReader(client.GetStream(), Encoding.ASCII).ReadLineAsync();

        line.Should().StartWith("HTTP/1.1 400");
    }

    private void PutAlias(string name, string target) =>
        Gateway.Cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = name },
                Spec = new CoreServiceSpec { Type = "ExternalName", ExternalName = target },
            }
        );

    private static string AcceptOf(string key)
#pragma warning disable CA5350 // RFC 6455 requires SHA-1.
        =>
        Convert.ToBase64String(
            System.Security.Cryptography.SHA1.HashData(Encoding.ASCII.GetBytes(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
        );
#pragma warning restore CA5350
}

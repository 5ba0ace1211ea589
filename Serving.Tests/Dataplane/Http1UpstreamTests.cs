using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using FluentAssertions;
using Microsoft.AspNetCore.Connections.Features;
using NUnit.Framework;
using Serving.Dataplane;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>The HTTP/1.1 upstream on the wire, and how it handles misbehaving destinations.</summary>
[TestFixture]
public sealed class Http1UpstreamTests
{
    private readonly HttpClient _client = new(
        new SocketsHttpHandler { UseProxy = false, Expect100ContinueTimeout = TimeSpan.FromSeconds(10) }
    )
    {
        Timeout = TimeSpan.FromSeconds(20),
    };
    private IUpstream _upstream = null!;
    private RawDestination _destination = null!;
    private UpstreamResult? _result;
    private Func<bool> _halfClosed = static () => false;
    private TestServer _proxy = null!;
    private bool _isQueueProxy;

    [SetUp]
    public async Task StartAsync()
    {
        _result = null;
        _isQueueProxy = false;
        _upstream = Upstreams.Create(new UpstreamOptions());
        _destination = new RawDestination();
        _proxy = await TestServer.StartAsync(async context =>
        {
            var socket = context.Features.Get<IConnectionSocketFeature>()!.Socket;
            _halfClosed = () => HalfClosedClients.IsHalfClosed(socket);
            _result = await _upstream.ForwardAsync(
                context,
                new UpstreamTarget(_destination.Address, Http2: false) { IsQueueProxy = _isQueueProxy },
                context.RequestAborted
            );
        });
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _proxy.DisposeAsync();
        _destination.Dispose();
        ((IDisposable)_upstream).Dispose();
    }

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Leaves_out_what_speaks_of_the_clients_connection()
    {
        var answering = _destination.AnswerAsync(
            "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nX-Kept: 2\r\nContent-Length: 2\r\n\r\nok"
        );
        using var client = await RawClientAsync(
            "GET /a HTTP/1.1\r\nHost: h\r\nConnection: X-Mine\r\nX-Mine: 1\r\nKeep-Alive: 1\r\nX-Other: a\r\nX-Other: b\r\n\r\n"
        );

        (await answering).Should().Be("GET /a HTTP/1.1\r\nHost: h\r\nX-Other: a\r\nX-Other: b\r\n\r\n");
        (await client.ReadUntilAsync("ok")).Should().Contain("X-Kept: 2").And.NotContain("X-Hop").And.NotContain("Keep-Alive");
    }

    [Test]
    public async Task Answers_while_the_request_is_still_being_sent()
    {
        using var client = await RawClientAsync("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
        using var destination = await _destination.AcceptAsync();
        await destination.ReadUntilAsync("4\r\nping\r\n");

        await destination.WriteAsync("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npong\r\n");
        (await client.ReadUntilAsync("pong\r\n")).Should().StartWith("HTTP/1.1 200 OK\r\n");
        await client.WriteAsync("5\r\nping2\r\n0\r\n\r\n");
        (await destination.ReadUntilAsync("0\r\n\r\n")).Should().Be("5\r\nping2\r\n0\r\n\r\n");
        await destination.WriteAsync("5\r\npong2\r\n0\r\n\r\n");
        (await client.ReadUntilAsync("0\r\n\r\n")).Should().Be("5\r\npong2\r\n0\r\n\r\n");
    }

    [Test]
    public async Task Passes_an_early_refusal_on_and_stops_to_send()
    {
        using var client = await RawClientAsync("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\nsome");
        using var destination = await _destination.AcceptAsync();
        await destination.ReadUntilAsync("some");

        await destination.WriteAsync("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");

        (await client.ReadUntilAsync("no")).Should().StartWith("HTTP/1.1 413 ");
        await destination.ClosedAsync();
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Done));
    }

    [Test]
    public async Task Sends_a_body_that_was_announced_only_when_it_is_welcome([Values] bool welcome)
    {
        using var client = await RawClientAsync("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
        using var destination = await _destination.AcceptAsync();
        (await destination.ReadUntilAsync("\r\n\r\n")).Should().Contain("Expect: 100-continue");
        if (welcome)
        {
            await destination.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
            (await client.ReadUntilAsync("\r\n\r\n")).Should().StartWith("HTTP/1.1 100 ");
            await client.WriteAsync("body");
            (await destination.ReadUntilAsync("body")).Should().Be("body");
            await destination.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            (await client.ReadUntilAsync("ok")).Should().StartWith("HTTP/1.1 200 ");
        }
        else
        {
            await destination.WriteAsync("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno");
            (await client.ReadUntilAsync("no")).Should().StartWith("HTTP/1.1 417 ");
        }
    }

    [Test]
    public async Task Skips_informational_answers()
    {
        var answering = _destination.AnswerAsync(
            "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        );

        (await _client.GetStringAsync(Uri)).Should().Be("ok");
        await answering;
    }

    [Test]
    public async Task Takes_the_chunks_off_and_drops_trailers_that_were_not_announced()
    {
        var answering = _destination.AnswerAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n"
        );

        (await _client.GetStringAsync(Uri)).Should().Be("abc0123456789");
        await answering;
    }

    [Test]
    public async Task Reads_a_body_that_ends_with_the_connection()
    {
        var answering = _destination.AnswerAsync("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nto the end");

        (await _client.GetStringAsync(Uri)).Should().Be("to the end");
        await answering;
    }

    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", TestName = "Refuses_two_framings")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", TestName = "Refuses_two_lengths")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nab", TestName = "Refuses_a_length_with_a_sign")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", TestName = "Refuses_other_transfer_codings")]
    [TestCase("HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nab", TestName = "Refuses_a_space_before_the_colon")]
    [TestCase("HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\nContent-Length: 2\r\n\r\nab", TestName = "Refuses_folded_lines")]
    [TestCase("HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nab", TestName = "Refuses_a_lone_carriage_return")]
    [TestCase("HTTP/2 200 OK\r\nContent-Length: 2\r\n\r\nab", TestName = "Refuses_another_protocol")]
    [TestCase(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n",
        TestName = "Refuses_a_switch_of_protocol_unasked"
    )]
    [TestCase("HTTP/1.1 200 OK\r\nX: 1\r\n", TestName = "Refuses_half_a_head")]
    public async Task Answers_502_to_what_is_no_clear_answer(string answer)
    {
        var answering = _destination.AnswerAsync(answer);

        using var response = await _client.GetAsync(Uri);

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        response.Headers.Contains("X").Should().BeFalse();
        await answering;
    }

    [TestCase("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n")]
    [TestCase("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n")]
    public async Task Cuts_the_answer_that_the_destination_leaves_unfinished(string answer)
    {
        var answering = _destination.AnswerAsync(answer);

        await FluentActions.Awaiting(() => _client.GetStringAsync(Uri)).Should().ThrowAsync<HttpRequestException>();

        await answering;
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Failed));
    }

    [Test]
    public async Task Tries_a_request_without_a_body_again_when_the_idle_connection_had_just_closed()
    {
        var getting = _client.GetStringAsync(Uri);
        using (var first = await _destination.AcceptAsync())
        {
            await first.ReadUntilAsync("\r\n\r\n");
            await first.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
            await getting;
            getting = _client.GetStringAsync(Uri);
            await first.ReadUntilAsync("\r\n\r\n");
        }

        await _destination.AnswerAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
        (await getting).Should().Be("2");
    }

    [Test]
    public async Task Sends_what_was_sent_before_on_a_new_connection()
    {
        var getting = _client.GetStringAsync(Uri);
        using (var idle = await _destination.AcceptAsync())
        {
            await idle.ReadUntilAsync("\r\n\r\n");
            await idle.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
            await getting;
            using var request = new HttpRequestMessage(HttpMethod.Get, Uri) { Headers = { { DataplaneHeaders.Resent, "true" } } };
            var resending = _client.SendAsync(request);
            using var made = await _destination.AcceptAsync();
            (await made.ReadUntilAsync("\r\n\r\n")).Should().NotContain(DataplaneHeaders.Resent, "no program need see it");
            idle.Dispose();
            await made.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
            using var response = await resending;
            (await response.Content.ReadAsStringAsync()).Should().Be("2");
        }
    }

    [TestCase("GET")]
    [TestCase("PUT")]
    [TestCase("DELETE")]
    [TestCase("POST")]
    public async Task Sends_a_request_once_on_a_new_connection_that_ends_without_a_response(string method)
    {
        var sending = _client.SendAsync(new HttpRequestMessage(new HttpMethod(method), Uri));
        using (var first = await _destination.AcceptAsync())
            await first.ReadUntilAsync("\r\n\r\n");

        using var response = await sending;

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        (await response.Content.ReadAsStringAsync()).Should().Be("the program closed the connection without a response\n");
        response.Content.Headers.ContentType!.MediaType.Should().Be("text/plain");
        _destination.IsWaitedFor.Should().BeFalse("the program had the request");
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Failed));
    }

    [TestCase("GET", false, UpstreamResult.Lost)]
    [TestCase("GET", true, UpstreamResult.Failed)]
    [TestCase("POST", false, UpstreamResult.Failed)]
    public async Task A_queue_proxy_that_dies_with_a_request_has_lost_it_unless_it_was_sent_before(
        string method,
        bool resent,
        UpstreamResult expected
    )
    {
        _isQueueProxy = true;
        var message = new HttpRequestMessage(new HttpMethod(method), Uri);
        if (resent)
            message.Headers.Add(DataplaneHeaders.Resent, "true");
        var sending = _client.SendAsync(message);
        using (var first = await _destination.AcceptAsync())
            await first.ReadUntilAsync("\r\n\r\n");

        using var response = await sending;

        await Eventually.HoldsAsync(() => _result.Should().Be(expected));
        _destination.IsWaitedFor.Should().BeFalse("the caller chooses where it goes next");
    }

    [Test]
    public async Task Sends_the_handshake_of_a_WebSocket_over_http2_once()
    {
        await using var proxy = await TestServer.StartAsync(async context =>
            _result = await _upstream.ForwardAsync(context, new UpstreamTarget(_destination.Address, Http2: false), context.RequestAborted)
        );
        using var socket = new ClientWebSocket();
        socket.Options.HttpVersion = HttpVersion.Version20;
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        using var client = new HttpMessageInvoker(new SocketsHttpHandler());
        var connecting = socket.ConnectAsync(new Uri($"ws://{proxy.Address}/"), client, default);
        using (var first = await _destination.AcceptAsync())
            await first.ReadUntilAsync("\r\n\r\n");

        await FluentActions.Awaiting(() => connecting).Should().ThrowAsync<WebSocketException>();
        _destination.IsWaitedFor.Should().BeFalse();
        await Eventually.HoldsAsync(() => _result.Should().Be(UpstreamResult.Failed));
    }

    [Test]
    public async Task Sends_a_request_twice_at_most()
    {
        var getting = _client.GetStringAsync(Uri);
        Task<HttpResponseMessage> second;
        using (var first = await _destination.AcceptAsync())
        {
            await first.ReadUntilAsync("\r\n\r\n");
            await first.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
            await getting;
            second = _client.GetAsync(Uri);
            await first.ReadUntilAsync("\r\n\r\n");
        }

        using (var again = await _destination.AcceptAsync())
            await again.ReadUntilAsync("\r\n\r\n");

        using var response = await second;
        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        _destination.IsWaitedFor.Should().BeFalse();
    }

    [Test]
    public async Task Passes_headers_with_an_empty_value_on()
    {
        var answering = _destination.AnswerAsync("HTTP/1.1 200 OK\r\nX-Empty:\r\nX-Two: a\r\nX-Two:\r\nContent-Length: 2\r\n\r\nok");
        using var client = await RawClientAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");

        (await client.ReadUntilAsync("ok")).Should().Contain("\r\nX-Empty: \r\n").And.Contain("\r\nX-Two: a\r\nX-Two: \r\n");
        await answering;
    }

    [Test]
    public async Task Passes_trailers_on_that_were_announced()
    {
        var answering = _destination.AnswerAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum, Content-Length\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\nContent-Length: 9\r\nKeep-Alive: 1\r\n\r\n"
        );
        using var client = await RawClientAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");

        (await client.ReadUntilAsync("\r\nX-Sum: 6\r\n\r\n"))
            .Should()
            .Contain("\r\nTrailer: X-Sum")
            .And.Contain("\r\n\r\n00000003\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n")
            .And.NotContain("Keep-Alive");
        await answering;

        answering = _destination.AnswerAsync(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 6\r\n\r\n"
        );
        using var request = new HttpRequestMessage(HttpMethod.Get, Uri)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        await using var translating = await TestServer.StartAsync(async context =>
            await _upstream.ForwardAsync(context, new UpstreamTarget(_destination.Address, Http2: false), default)
        );
        request.RequestUri = new Uri($"http://{translating.Address}/");
        using var response = await _client.SendAsync(request);
        (await response.Content.ReadAsStringAsync()).Should().Be("abc");
        response.TrailingHeaders.GetValues("X-Sum").Should().Equal("6");
        await answering;
    }

    [Test]
    public async Task Gives_a_client_that_has_closed_its_half_of_the_connection_the_response()
    {
        using var client = await RawClientAsync("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
        client.EndSending();
        using var destination = await _destination.AcceptAsync();
        await destination.ReadUntilAsync("\r\n\r\n");
        await Eventually.HoldsAsync(() => _halfClosed().Should().BeTrue());

        await destination.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

        (await client.ReadUntilAsync("ok")).Should().StartWith("HTTP/1.1 200 ");
    }

    [Test]
    public async Task Sends_a_post_once_only()
    {
        var getting = _client.GetStringAsync(Uri);
        Task<HttpResponseMessage> posting;
        using (var first = await _destination.AcceptAsync())
        {
            await first.ReadUntilAsync("\r\n\r\n");
            await first.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
            await getting;
            posting = _client.PostAsync(Uri, new StringContent("once"));
            await first.ReadUntilAsync("once");
        }

        using var response = await posting;
        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
    }

    [Test]
    public async Task Leaves_an_idle_connection_that_was_closed()
    {
        await Task.WhenAll(_client.GetStringAsync(Uri), _destination.AnswerAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));

        var posting = _client.PostAsync(Uri, new StringContent("once"));
        using var second = await _destination.AcceptAsync();
        await second.ReadUntilAsync("once");
        await second.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");

        (await (await posting).Content.ReadAsStringAsync()).Should().Be("2");
    }

    [Test]
    public async Task Ends_the_half_sent_request_when_the_client_goes()
    {
        var client = await RawClientAsync("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nping\r\n");
        using var destination = await _destination.AcceptAsync();
        await destination.ReadUntilAsync("4\r\nping\r\n");

        client.Dispose();

        await destination.ClosedAsync();
        await Eventually.HoldsAsync(() => _result.Should().BeOneOf(UpstreamResult.Canceled, UpstreamResult.Failed));
    }

    [Test]
    public async Task Takes_heads_of_many_kilobytes()
    {
        var big = new string('x', 200_000);
        var answering = _destination.AnswerAsync($"HTTP/1.1 200 OK\r\nX-Big: {big}\r\nContent-Length: 0\r\n\r\n");
        using var client = await RawClientAsync($"GET / HTTP/1.1\r\nHost: h\r\nX-Big: {big}\r\n\r\n");

        (await client.ReadUntilAsync("\r\n\r\n")).Should().Contain(big);
        (await answering).Should().Contain(big);
    }

    private Uri Uri => new($"http://{_proxy.Address}/");

    private async Task<RawDestination.RawConnection> RawClientAsync(string request)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(_proxy.EndPoint);
        var connection = new RawDestination.RawConnection(socket);
        await connection.WriteAsync(request);
        return connection;
    }
}

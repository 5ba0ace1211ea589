using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Upstreams;

namespace Serving.Tests.Dataplane;

/// <summary>How requests are sanitized on arrival, byte for byte.</summary>
[TestFixture]
[CancelAfter(60_000)]
public sealed class RequestEntryTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(20);

    [TestCase("Connection: close, X-Foo")]
    [TestCase("Connection: X-Foo, close")]
    [TestCase("Connection: keep-alive, x-foo")]
    [TestCase("Connection: X-FOO")]
    [TestCase("Connection: ,\tX-Foo ,")]
    [TestCase("Connection: X-Foo, Upgrade")]
    [TestCase("Connection: close\r\nConnection: X-Foo")]
    [TestCase("Connection: keep-alive\r\nConnection: X-Foo")]
    [TestCase("Connection: X-Foo\r\nConnection: Keep-Alive")]
    [TestCase("Connection: Upgrade\r\nConnection: X-Foo")]
    [TestCase("Connection: X-Bar, X-Foo")]
    public async Task Headers_that_Connection_names_end_with_the_connection(string connection)
    {
        await using var server = await TestServer.StartAsync(EchoAsync);

        var answer = await SendAsync(
            server,
            $"GET / HTTP/1.1\r\nHost: a\r\nX-Foo: 1\r\nX-Bar: 2\r\nx-foo: 3\r\nX-Kept: yes\r\n{connection}\r\n\r\n"
        );

        answer.Should().StartWith("HTTP/1.1 200").And.NotContainEquivalentOf("X-Foo:").And.Contain("X-Kept: yes");
    }

    [Test]
    public async Task Connection_names_neither_the_framing_nor_what_is_added_later([Values] bool http2)
    {
        await using var destination = await TestServer.StartAsync(EchoAsync);
        var upstream = Upstreams.Create(new UpstreamOptions());
        using var _ = upstream as IDisposable;
        await using var proxy = await TestServer.StartAsync(async context =>
        {
            context.Request.Headers["X-Forwarded-For"] = "added";
            await upstream.ForwardAsync(context, new UpstreamTarget(destination.Address, http2), context.RequestAborted);
        });

        var answer = await SendAsync(
            proxy,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Foo: 1\r\nX-Forwarded-For: theirs\r\nConnection: close, X-Forwarded-For, X-Foo, Host, Content-Length\r\n\r\nhi"
        );

        answer
            .Should()
            .StartWith("HTTP/1.1 200")
            .And.NotContainEquivalentOf("X-Foo")
            .And.ContainEquivalentOf("X-Forwarded-For: added\n")
            .And.ContainEquivalentOf("Host: a")
            .And.Contain("body hi");
    }

    [TestCase("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\nConnection: Upgrade, HTTP2-Settings")]
    [TestCase("Upgrade: TLS/1.0\r\nConnection: upgrade")]
    [TestCase("Connection: Upgrade")]
    [TestCase("Upgrade: websocket2\r\nConnection: Upgrade")]
    public async Task An_upgrade_to_anything_but_a_websocket_is_ignored(string headers)
    {
        using var destination = new RawDestination();
        var upstream = Upstreams.Create(new UpstreamOptions());
        using var _ = upstream as IDisposable;
        await using var proxy = await TestServer.ProxyAsync(upstream, destination.Address);

        var sending = SendAsync(
            proxy,
            $"GET /one HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\nGET /two HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        );
        using var connection = await destination.AcceptAsync();
        var first = await connection.ReadUntilAsync("\r\n\r\n");
        await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none");
        var second = await connection.ReadUntilAsync("\r\n\r\n");
        await connection.WriteAsync("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo");

        first
            .Should()
            .StartWith("GET /one ")
            .And.NotContainEquivalentOf("upgrade")
            .And.NotContainEquivalentOf("HTTP2-Settings")
            .And.NotContainEquivalentOf("Transfer-Encoding");
        second.Should().StartWith("GET /two ");
        (await sending).Should().Contain("one").And.Contain("two");
    }

    [TestCase("Content-Length: +5")]
    [TestCase("Content-Length: -0")]
    [TestCase("Content-Length: -5")]
    [TestCase("Content-Length: 5 5")]
    [TestCase("Content-Length: 0x5")]
    [TestCase("Content-Length: 5,5")]
    [TestCase("Content-Length: ")]
    [TestCase("Content-Length: 00000000000000000000000000000005")]
    [TestCase("Content-Length: 99999999999999999999")]
    [TestCase("Content-Length: 5\r\nContent-Length: 5")]
    [TestCase("Content-Length: 5\r\nTransfer-Encoding: chunked")]
    [TestCase("Transfer-Encoding: identity")]
    [TestCase("Transfer-Encoding: chunked, gzip")]
    [TestCase("Content-Length : 5")]
    [TestCase("X-Folded: a\r\n b")]
    [TestCase("X-Nul: a\0b")]
    [TestCase("X-Cr: a\rb")]
    [TestCase("Host: b")]
    public async Task A_malformed_request_is_refused_and_its_connection_closed(string header)
    {
        var handled = false;
        await using var server = await TestServer.StartAsync(_ =>
        {
            handled = true;
            return Task.CompletedTask;
        });

        var answer = await SendAsync(server, $"POST / HTTP/1.1\r\nHost: a\r\n{header}\r\n\r\nhello");

        answer.Should().StartWith("HTTP/1.1 400").And.Contain("Connection: close");
        handled.Should().BeFalse();
    }

    [TestCase("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501)]
    [TestCase("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 501)]
    [TestCase("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501)]
    [TestCase("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n", 400)]
    [TestCase("CONNECT other.example:443 HTTP/1.1\r\nHost: other.example:443\r\n\r\n", 405)]
    public async Task What_is_not_served_says_so_and_ends_the_connection(string request, int status)
    {
        await using var server = await TestServer.StartAsync(EchoAsync);

        var answer = await SendAsync(server, request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");

        answer.Should().StartWith($"HTTP/1.1 {status}").And.Contain("Connection: close").And.NotContain("smuggled");
        answer.Split("\r\n\r\n", 2)[1].Should().NotBeEmpty("it says why");
    }

    [TestCase("GET http://b.example/x?y HTTP/1.1\r\nHost: a.example\r\n", "b.example")]
    [TestCase("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\n", "b.example:81")]
    [TestCase("GET http://user@b.example/x?y HTTP/1.1\r\nHost: a.example\r\n", "b.example")]
    [TestCase("GET http://b.example/x?y HTTP/1.0\r\n", "b.example")]
    [TestCase("GET https://b.example/x?y HTTP/1.1\r\nHost: b.example\r\n", "b.example")]
    public async Task An_absolute_target_decides_the_host_and_not_the_scheme(string head, string host)
    {
        await using var server = await TestServer.StartAsync(EchoAsync);

        var answer = await SendAsync(server, head + "Connection: close\r\n\r\n");

        answer.Should().StartWith("HTTP/1.1 200").And.Contain($"Host: {host}\n").And.Contain("scheme http\n").And.Contain("path /x\n");
    }

    [TestCase("https")]
    [TestCase("gopher")]
    [TestCase("http")]
    public async Task The_scheme_of_HTTP_2_is_the_connections(string claimed)
    {
        await using var server = await TestServer.StartAsync(EchoAsync);
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        await client.RequestAsync(1, (":method", "GET"), (":scheme", claimed), (":path", "/"), (":authority", "a"));
        await client.Response(1).Ended.WaitAsync(Limit);

        client.Response(1).Status.Should().Be(200);
        client.Response(1).Body.Should().Contain("scheme http\n");
    }

    [Test]
    public async Task CONNECT_over_HTTP_2_is_served_for_websockets_alone()
    {
        await using var server = await TestServer.StartAsync(EchoAsync);
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        await client.RequestAsync(1, (":method", "CONNECT"), (":authority", "other.example:443"));
        await client.RequestAsync(
            3,
            (":method", "CONNECT"),
            (":protocol", "connect-udp"),
            (":scheme", "http"),
            (":path", "/"),
            (":authority", "a")
        );
        await Task.WhenAll(client.Response(1).Ended, client.Response(3).Ended).WaitAsync(Limit);

        client.Response(1).Status.Should().Be(405);
        client.Response(3).Status.Should().Be(501);
    }

    [TestCase("content-length", "+5")]
    [TestCase("transfer-encoding", "chunked")]
    [TestCase("connection", "x-foo")]
    public async Task HTTP_2_refuses_what_is_malformed_there(string name, string value)
    {
        var handled = false;
        await using var server = await TestServer.StartAsync(_ =>
        {
            handled = true;
            return Task.CompletedTask;
        });
        using var client = await RawHttp2.ConnectAsync(server.EndPoint);

        await client.RequestAsync(1, (":method", "POST"), (":scheme", "http"), (":path", "/"), (":authority", "a"), (name, value));
        await Task.WhenAny(client.Response(1).Ended, client.Closed).WaitAsync(Limit);

        client.Response(1).Status.Should().BeOneOf(0, 400);
        handled.Should().BeFalse();
    }

    private static async Task EchoAsync(HttpContext context)
    {
        var text = new StringBuilder();
        foreach (var (name, values) in context.Request.Headers)
            text.Append(name).Append(": ").Append(values.ToString()).Append('\n');
        text.Append("scheme ").Append(context.Request.Scheme).Append("\npath ").Append(context.Request.Path).Append('\n');
        using var reader = new StreamReader(context.Request.Body);
        text.Append("body ").Append(await reader.ReadToEndAsync());
        await context.Response.WriteAsync(text.ToString());
    }

    private static async Task<string> SendAsync(TestServer server, string request)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.EndPoint);
        await socket.SendAsync(Encoding.Latin1.GetBytes(request));
        var text = new StringBuilder();
        var buffer = new byte[4096];
        using var limit = new CancellationTokenSource(Limit);
        try
        {
            for (int read; (read = await socket.ReceiveAsync(buffer, limit.Token)) != 0; )
                text.Append(Encoding.Latin1.GetString(buffer, 0, read));
        }
        catch (SocketException)
        {
            // A connection that is closed with unread bytes is reset; what was received before counts.
        }

        return text.ToString();
    }
}

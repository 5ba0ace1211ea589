using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Servers;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

[TestFixture]
public sealed class DataplaneServerTests
{
    [TestCase("1.1")]
    [TestCase("2.0")]
    public async Task Speaks_both_protocols_on_one_port(string version)
    {
        await using var server = await TestServer.StartAsync(context =>
            context.Response.WriteAsync($"{context.Request.Protocol} {context.Request.Scheme}")
        );
        using var client = new HttpClient
        {
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        var answer = await client.GetStringAsync(new Uri($"http://{server.Address}/"));

        answer.Should().Be(version == "1.1" ? "HTTP/1.1 http" : "HTTP/2 http");
    }

    [TestCase("::ffff:10.0.0.7", "10.0.0.7")]
    [TestCase("10.0.0.7", "10.0.0.7")]
    [TestCase("fd00::7", "fd00::7")]
    public void Knows_a_peer_by_its_own_address_on_a_socket_of_both_families(string seen, string expected)
    {
        var connection = new DefaultConnectionContext { RemoteEndPoint = new IPEndPoint(IPAddress.Parse(seen), 5) };

        DataplaneServer.WithPlainAddress(connection).RemoteEndPoint.Should().Be(new IPEndPoint(IPAddress.Parse(expected), 5));
    }

    [TestCase("1.1")]
    [TestCase("2.0")]
    public async Task Speaks_TLS_with_the_certificate_of_the_name_that_was_asked_for(string version)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = new CertificateRequest("CN=some.example", key, HashAlgorithmName.SHA256).CreateSelfSigned(
            DateTimeOffset.UtcNow.AddDays(-1),
            DateTimeOffset.UtcNow.AddDays(1)
        );
        using var usable = X509CertificateLoader.LoadPkcs12(certificate.Export(X509ContentType.Pkcs12), null);
        var context = SslStreamCertificateContext.Create(usable, null, offline: true);
        string? asked = null;
        var options = new DataplaneServerOptions
        {
            Endpoints =
            [
                new(IPAddress.Loopback, 0)
                {
                    Certificates = name =>
                    {
                        asked = name;
                        return context;
                    },
                },
            ],
        };
        await using var server = new DataplaneServer(options, c => c.Response.WriteAsync($"{c.Request.Protocol} {c.Request.Scheme}"));
        await server.StartAsync(default);
#pragma warning disable CA5359 // A certificate created for this test.
        using var handler = new SocketsHttpHandler { SslOptions = { RemoteCertificateValidationCallback = (_, _, _, _) => true } };
#pragma warning restore CA5359
        using var client = new HttpClient(handler)
        {
            DefaultRequestVersion = Version.Parse(version),
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

        client.DefaultRequestHeaders.Host = "some.example";
        var answer = await client.GetStringAsync(new Uri($"https://{server.Endpoints[0]}/"));

        answer.Should().Be(version == "1.1" ? "HTTP/1.1 https" : "HTTP/2 https");
        asked.Should().Be("some.example");
    }

    [Test]
    public async Task A_server_that_stops_gives_WebSockets_their_minute_once_nothing_else_is_in_flight([Values(1, 2)] int version)
    {
        var time = new ManualTimeProvider();
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var options = new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)], Time = time };
        await using var server = new DataplaneServer(
            options,
            async context =>
            {
                if (context.Request.Path != "/slow")
                {
                    await WebSockets.EchoAsync(context, default);
                    return;
                }

                arrived.SetResult();
                await go.Task;
            }
        );
        await server.StartAsync(default);
        using var client = new HttpClient();
        var slow = client.GetAsync(new Uri($"http://{server.Endpoints[0]}/slow"));
        await arrived.Task;
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{server.Endpoints[0]}/"), version);
        (await socket.AskAsync("hello")).Should().Be("hello");

        var stopping = server.StopAsync(default);
        await PassAsync(time, stopping, minutes: 5);
        (await socket.AskAsync("a slow request is in flight")).Should().Be("a slow request is in flight");
        go.SetResult();
        (await slow).StatusCode.Should().Be(HttpStatusCode.OK);
        await Eventually.HoldsAsync(() => server.RequestsInFlight.Should().Be(1));
        await PassAsync(time, stopping, minutes: 0.9);
        (await socket.AskAsync("its minute is not over")).Should().Be("its minute is not over");
        stopping.IsCompleted.Should().BeFalse();

        await Eventually.HoldsAsync(
            async () =>
            {
                await PassAsync(time, stopping, minutes: 0.1);
                stopping.IsCompleted.Should().BeTrue();
            },
            TimeSpan.FromSeconds(30)
        );
        await FluentActions.Awaiting(() => socket.NextAsync()).Should().ThrowAsync<System.Net.WebSockets.WebSocketException>();
    }

    [Test]
    public async Task A_server_whose_last_WebSocket_ends_has_stopped_at_once()
    {
        using var goodbye = new CancellationTokenSource();
        await using var server = await TestServer.StartAsync(context => WebSockets.EchoAsync(context, goodbye.Token));
        using var socket = await WebSockets.ConnectAsync(new Uri($"ws://{server.Address}/"));
        (await socket.AskAsync("hello")).Should().Be("hello");

        var stopping = server.Server.StopAsync(default);
        await goodbye.CancelAsync();
        (await socket.NextAsync()).Should().Be("1000 bye");
        await socket.CloseOutputAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, "", default);

        await stopping.WaitAsync(TimeSpan.FromSeconds(30));
    }

    // The loop that waits for the stop starts its next timer only after it has run.
    private static async Task PassAsync(ManualTimeProvider time, Task stopping, double minutes)
    {
        for (var step = 0; step < 10; step++)
        {
            await Eventually.HoldsAsync(() => (stopping.IsCompleted || time.ActiveTimers > 0).Should().BeTrue());
            time.Advance(TimeSpan.FromMinutes(minutes / 10));
        }
    }

    [Test]
    public async Task Refuses_a_request_with_two_framings()
    {
        var handled = false;
        await using var server = await TestServer.StartAsync(_ =>
        {
            handled = true;
            return Task.CompletedTask;
        });

        var answer = await SendRawAsync(
            server,
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        );

        answer.Should().StartWith("HTTP/1.1 400").And.Contain("Connection: close");
        handled.Should().BeFalse();
    }

    [Test]
    public async Task Answers_500_when_the_handler_throws()
    {
        await using var server = await TestServer.StartAsync(_ => throw new InvalidOperationException("broken"));
        using var client = new HttpClient();

        using var response = await client.GetAsync(new Uri($"http://{server.Address}/"));

        response.StatusCode.Should().Be(HttpStatusCode.InternalServerError);
    }

    [Test]
    public async Task A_drain_answers_what_is_in_flight_and_asks_clients_to_go()
    {
        var (arrived, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var server = await TestServer.StartAsync(async context =>
        {
            arrived.TrySetResult();
            await go.Task;
            await context.Response.WriteAsync("done");
        });
        using var client = new HttpClient();
        var first = client.GetStringAsync(new Uri($"http://{server.Address}/"));
        await arrived.Task;

        server.Server.BeginDrain();
        var second = client.GetAsync(new Uri($"http://{server.Address}/"));
        go.SetResult();
        (await second).Headers.ConnectionClose.Should().BeTrue();
        await server.Server.StopAsync(default);

        (await first).Should().Be("done");
    }

    [Test]
    public async Task Names_the_address_that_is_in_use()
    {
        await using var server = await TestServer.StartAsync(_ => Task.CompletedTask);
        await using var other = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, server.EndPoint.Port)] },
            _ => Task.CompletedTask
        );

        await other.Awaiting(o => o.StartAsync(default)).Should().ThrowAsync<IOException>().WithMessage($"*{server.EndPoint.Port}*");
    }

    private static async Task<string> SendRawAsync(TestServer server, string request)
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        await socket.ConnectAsync(server.EndPoint);
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        await using var stream = new NetworkStream(socket);
        using var reader = new StreamReader(stream);
        return await reader.ReadToEndAsync();
    }
}

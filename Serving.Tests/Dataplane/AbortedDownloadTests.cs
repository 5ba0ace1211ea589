using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>A client that disconnects during a response causes no warning or error, on any path through gateway, activator and
/// sidecar.</summary>
public sealed class AbortedDownloadTests
{
    private static readonly RequestTimeouts Timeouts = new(TimeSpan.FromMinutes(5), TimeSpan.Zero, TimeSpan.FromMinutes(5));

    [Test]
    public async Task A_client_that_leaves_within_an_answer_leaves_no_warning(
        [Values] bool http2,
        [Values] bool withLength,
        [Values] bool reset
    )
    {
        using var logs = new RecordingLogs();
        using var upstream = (IDisposable)Upstreams.Create(new UpstreamOptions { LoggerFactory = logs });
        await using var program = await StartAsync(logs, context => SendAsync(context, withLength));
        await using var proxy = await StartAsync(
            logs,
            context => PassOnAsync(context, (IUpstream)upstream, program.Endpoints[0].ToString())
        );

        for (var i = 0; i < 10; i++)
        {
            if (http2)
                await LeaveHttp2Async(proxy.Endpoints[0]);
            else
                await LeaveAsync(proxy.Endpoints[0], reset);
        }

        await Eventually.HoldsAsync(() => (proxy.RequestsInFlight + program.RequestsInFlight).Should().Be(0), TimeSpan.FromMinutes(1));
        logs.Text.Split('\n')
            .Where(line =>
                line.StartsWith("Warning ", StringComparison.Ordinal)
                || line.StartsWith("Error ", StringComparison.Ordinal)
                || line.StartsWith("Critical ", StringComparison.Ordinal)
            )
            .Should()
            .BeEmpty();
    }

    private static async Task<DataplaneServer> StartAsync(RecordingLogs logs, RequestDelegate handler)
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)], LoggerFactory = logs },
            handler
        );
        await server.StartAsync(CancellationToken.None);
        return server;
    }

    private static async Task SendAsync(HttpContext context, bool withLength)
    {
        const int Pieces = 1024;
        var piece = new byte[64 * 1024];
        if (withLength)
            context.Response.ContentLength = (long)Pieces * piece.Length;
        for (var i = 0; i < Pieces && !context.RequestAborted.IsCancellationRequested; i++)
            await context.Response.Body.WriteAsync(piece, context.RequestAborted);
    }

    /// <summary>Acts like activator and sidecar.</summary>
    private static async Task PassOnAsync(HttpContext context, IUpstream upstream, string target)
    {
        var deadline = RequestDeadline.Start(context, Timeouts, TimeProvider.System);
        var whole = false;
        try
        {
            whole =
                await upstream.ForwardAsync(
                    context,
                    new UpstreamTarget(target, HttpProtocol.IsHttp2(context.Request.Protocol)),
                    deadline.Token
                ) != UpstreamResult.Canceled;
        }
        catch (OperationCanceledException) when (deadline.Token.IsCancellationRequested)
        {
            // The client has disconnected.
        }
        finally
        {
            await deadline.CompleteAsync(whole, "request timeout");
        }
    }

    private static async Task LeaveAsync(IPEndPoint server, bool reset)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(server);
        var stream = client.GetStream();
        await stream.WriteAsync("GET / HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        await stream.ReadExactlyAsync(new byte[100_000]);
        if (reset)
            client.LingerState = new LingerOption(true, 0);
    }

    private static async Task LeaveHttp2Async(IPEndPoint server)
    {
        using var client = new HttpClient
        {
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        using var response = await client.GetAsync($"http://{server}/", HttpCompletionOption.ResponseHeadersRead);
        await using var body = await response.Content.ReadAsStreamAsync();
        await body.ReadExactlyAsync(new byte[100_000]);
    }
}

using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Upstreams;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>Clients that send too much or read nothing, beside a well-behaved client.</summary>
[TestFixture]
[CancelAfter(120_000)]
[Category("Slow")]
[Parallelizable]
public sealed class FloodTests
{
    private const long MostAhead = 64L * 1024 * 1024;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly (string Name, string Value)[] Get =
    [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/slow"),
        (":authority", "a"),
    ];

    private readonly HttpClient _client = new(new SocketsHttpHandler { UseProxy = false }) { Timeout = Limit };
    private IUpstream _upstream = null!;

    [SetUp]
    public void Create() => _upstream = Upstreams.Create(new UpstreamOptions());

    [TearDown]
    public void Dispose() => ((IDisposable)_upstream).Dispose();

    [OneTimeTearDown]
    public void DisposeClient() => _client.Dispose();

    [Test]
    public async Task Streams_that_are_reset_at_once_leave_nothing_behind()
    {
        await using var program = await TestServer.StartAsync(context =>
            context.Request.Path == "/slow"
                ? Task.Delay(Timeout.InfiniteTimeSpan, context.RequestAborted)
                : context.Response.WriteAsync("ok")
        );
        await using var proxy = await TestServer.ProxyAsync(_upstream, program.Address);
        using var client = await RawHttp2.ConnectAsync(proxy.EndPoint);
        var head = RawHttp2.Literals(Get);

        try
        {
            for (var i = 0; i < 3000 && !client.Closed.IsCompleted; i++)
            {
                var stream = 1 + (2 * i);
                await client.SendAsync(
                    (byte[])
                        [
                            .. RawHttp2.Frame(1, RawHttp2.EndStream | RawHttp2.EndHeaders, stream, head),
                            .. RawHttp2.Frame(3, 0, stream, [0, 0, 0, 8]),
                        ]
                );
            }
        }
        catch (SocketException)
        {
            // The server has closed the connection.
        }

        (await _client.GetStringAsync(new Uri($"http://{proxy.Address}/"))).Should().Be("ok");
        await Eventually.HoldsAsync(() => (proxy.Server.RequestsInFlight, program.Server.RequestsInFlight).Should().Be((0, 0)), Limit);
    }

    [TestCase(6)]
    [TestCase(4)]
    public async Task Frames_that_want_a_reply_are_taken_no_faster_than_their_replies(byte type)
    {
        await using var server = await TestServer.StartAsync(static context => context.Response.WriteAsync("ok"));
        using var client = await RawHttp2.ConnectAsync(server.EndPoint, read: false);
        byte[] frames = [.. Enumerable.Range(0, 1000).SelectMany(_ => RawHttp2.Frame(type, 0, 0, type == 6 ? new byte[8] : []))];
        var sent = 0L;
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var flood = FloodAsync();

        await StaysAsync(() => flood.IsCompleted ? -1 : Interlocked.Read(ref sent));

        sent.Should().BeLessThan(MostAhead);
        (GC.GetTotalMemory(forceFullCollection: true) - before).Should().BeLessThan(MostAhead / 2);
        (await _client.GetStringAsync(new Uri($"http://{server.Address}/"))).Should().Be("ok");
        client.Dispose();
        await flood;

        async Task FloodAsync()
        {
            try
            {
                while (Interlocked.Read(ref sent) < MostAhead)
                {
                    await client.SendAsync(frames);
                    Interlocked.Add(ref sent, frames.Length);
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // One side has closed it.
            }
        }
    }

    [Test]
    public async Task A_client_that_takes_nothing_of_its_response_holds_its_program_back_and_nobody_else([Values(1, 2)] int version)
    {
        var (written, gone) = (0L, new TaskCompletionSource());
        await using var program = await TestServer.StartAsync(async context =>
        {
            if (context.Request.Path != "/slow")
            {
                await context.Response.WriteAsync("ok");
                return;
            }

            var part = new byte[64 * 1024];
            try
            {
                while (!context.RequestAborted.IsCancellationRequested && written < 4 * MostAhead)
                {
                    await context.Response.Body.WriteAsync(part, context.RequestAborted);
                    Interlocked.Add(ref written, part.Length);
                }
            }
            finally
            {
                gone.TrySetResult();
            }
        });
        await using var proxy = await TestServer.ProxyAsync(_upstream, program.Address);
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 64 * 1024 };
        using var frames = version == 2 ? await RawHttp2.ConnectAsync(proxy.EndPoint, read: false) : null;
        if (frames is not null)
        {
            await frames.RequestAsync(1, Get);
        }
        else
        {
            await socket.ConnectAsync(proxy.EndPoint);
            await socket.SendAsync("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"u8.ToArray());
        }

        await StaysAsync(() => Interlocked.Read(ref written));

        written.Should().BeInRange(1, MostAhead);
        (await _client.GetStringAsync(new Uri($"http://{proxy.Address}/"))).Should().Be("ok");
        frames?.Dispose();
        socket.Dispose();
        await gone.Task.WaitAsync(Limit);
        await Eventually.HoldsAsync(() => (proxy.Server.RequestsInFlight, program.Server.RequestsInFlight).Should().Be((0, 0)), Limit);
    }

    // Waits until a number that has started to grow is stable.
    private static async Task StaysAsync(Func<long> number)
    {
        var (last, since) = (0L, Environment.TickCount64);
        await Eventually.HoldsAsync(
            () =>
            {
                var now = number();
                if (now != last || now == 0)
                    (last, since) = (now, Environment.TickCount64);
                (Environment.TickCount64 - since).Should().BeGreaterThan(2000);
            },
            Limit
        );
    }
}

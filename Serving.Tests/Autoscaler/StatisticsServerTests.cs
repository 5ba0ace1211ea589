using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;

namespace Serving.Tests.Autoscaler;

public sealed class StatisticsServerTests
{
    private readonly Channel<WireStatMessage> taken = Channel.CreateUnbounded<WireStatMessage>();

    [Test]
    [CancelAfter(30_000)]
    public async Task Takes_reports_over_a_WebSocket_and_asks_to_come_back_when_it_stops(CancellationToken cancellation)
    {
        var server = await StartAsync(cancellation);
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Port}/"), cancellation);
        var stat = new Stat { PodName = "a", AverageConcurrentRequests = 3.5, RequestCount = 7 };
        await socket.SendAsync(new byte[] { 255, 255 }, WebSocketMessageType.Binary, true, cancellation);
        await socket.SendAsync(StatCodec.Encode([new WireStatMessage("ns", "rev", stat)]), WebSocketMessageType.Binary, true, cancellation);
        (await taken.Reader.ReadAsync(cancellation)).Should().Be(new WireStatMessage("ns", "rev", stat));

        var stopped = server.DisposeAsync();
        var end = await socket.ReceiveAsync(new byte[16].AsMemory(), cancellation);
        end.MessageType.Should().Be(WebSocketMessageType.Close);
        ((int?)socket.CloseStatus).Should().Be(1012);
        await stopped;
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Answers_the_kubelet(CancellationToken cancellation)
    {
        await using var server = await StartAsync(cancellation);
        using var http = new HttpClient();
        (await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}/"), cancellation)).StatusCode.Should().Be(HttpStatusCode.BadRequest);
        http.DefaultRequestHeaders.Add("User-Agent", "kube-probe/1.32");
        (await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}/healthz"), cancellation)).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_forwarder_sends_what_was_reported_before_it_knew_where_to(CancellationToken cancellation)
    {
        await using var server = await StartAsync(cancellation);
        Uri? owner = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var forwarder = new StatForwarder(() => owner, TimeProvider.System, NullLogger<StatForwarder>.Instance);
        var running = forwarder.RunAsync(stop.Token);
        var stat = new Stat { PodName = "a", AverageConcurrentRequests = 1 };
        forwarder.Report("ns", "rev", stat);
        owner = new Uri($"ws://127.0.0.1:{server.Port}/");
        (await taken.Reader.ReadAsync(cancellation)).Should().Be(new WireStatMessage("ns", "rev", stat));
        await stop.CancelAsync();
        await running;
    }

    private Task<StatisticsServer> StartAsync(CancellationToken cancellation) => StatisticsServer.StartAsync(
        new AutoscalerOptions(IPAddress.Loopback, 0), message => taken.Writer.TryWrite(message), NullLoggerFactory.Instance, cancellation);
}

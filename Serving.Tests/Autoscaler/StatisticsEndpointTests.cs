using System.Net;
using System.Net.WebSockets;
using System.Threading.Channels;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Autoscaler;
using Serving.Autoscaler.Statistics;
using Serving.Dataplane.Statistics;
using Serving.Kubernetes;
using Serving.Kubernetes.Hosting;
using Serving.Tests.Support;

namespace Serving.Tests.Autoscaler;

public sealed class StatisticsEndpointTests
{
    private readonly Channel<WireStatMessage> _taken = Channel.CreateUnbounded<WireStatMessage>();

    [Test]
    [CancelAfter(30_000)]
    public async Task Takes_reports_over_a_WebSocket_and_asks_to_come_back_when_it_stops(CancellationToken cancellation)
    {
        var server = await StartAsync();
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Port}/"), cancellation);
        var stat = new Stat
        {
            PodName = "a",
            AverageConcurrentRequests = 3.5,
            RequestCount = 7,
        };
        await socket.SendAsync(new byte[] { 255, 255 }, WebSocketMessageType.Binary, true, cancellation);
        await socket.SendAsync(StatCodec.Encode([new WireStatMessage("ns", "rev", stat)]), WebSocketMessageType.Binary, true, cancellation);
        (await _taken.Reader.ReadAsync(cancellation)).Should().Be(new WireStatMessage("ns", "rev", stat));

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
        await using var server = await StartAsync();
        using var http = new HttpClient();
        (await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}/"), cancellation)).StatusCode.Should().Be(HttpStatusCode.BadRequest);
        http.DefaultRequestHeaders.Add("User-Agent", "kube-probe/1.32");
        (await http.GetAsync(new Uri($"http://127.0.0.1:{server.Port}/healthz"), cancellation)).StatusCode.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_forwarder_sends_what_was_reported_before_it_knew_where_to(CancellationToken cancellation)
    {
        await using var server = await StartAsync();
        Uri? owner = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var forwarder = new StatForwarder(() => 1, _ => owner, TimeProvider.System, NullLogger<StatForwarder>.Instance);
        var running = forwarder.RunAsync(stop.Token);
        var stat = new Stat { PodName = "a", AverageConcurrentRequests = 1 };
        forwarder.Report("ns", "rev", stat);
        owner = new Uri($"ws://127.0.0.1:{server.Port}/");
        (await _taken.Reader.ReadAsync(cancellation)).Should().Be(new WireStatMessage("ns", "rev", stat));
        await stop.CancelAsync();
        await running;
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_forwarder_hears_of_scales_from_zero_and_goes_on_sending(CancellationToken cancellation)
    {
        await using var server = await StartAsync();
        var owner = new Uri($"ws://127.0.0.1:{server.Port}/");
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var forwarder = new StatForwarder(() => 1, _ => owner, TimeProvider.System, NullLogger<StatForwarder>.Instance);
        var heard = Channel.CreateUnbounded<ScaleFromZero>();
        forwarder.ScaledFromZero += scale => heard.Writer.TryWrite(scale);
        var running = forwarder.RunAsync(stop.Token);
        var stat = new Stat { PodName = "a", AverageConcurrentRequests = 1 };
        var longest = new ScaleFromZero(new string('n', 63), new string('r', 253), TimeSpan.FromSeconds(86_400));
        foreach (var scale in new[] { new ScaleFromZero("ns", "rev", TimeSpan.FromMilliseconds(12)), longest })
        {
            forwarder.Report(scale.Namespace, scale.Revision, stat);
            await _taken.Reader.ReadAsync(cancellation);
            server.Announce(scale with { Revision = "another" });
            server.Announce(scale);
            (await heard.Reader.ReadAsync(cancellation)).Should().Be(scale, "it has reported nothing of the other one");
        }

        forwarder.Report("ns", "rev", stat);
        await _taken.Reader.ReadAsync(cancellation);
        await stop.CancelAsync();
        await running;
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Only_a_client_that_asks_hears_of_scales_from_zero_and_of_what_it_reported_alone(CancellationToken cancellation)
    {
        var server = await StartAsync();
        using var reference = new ClientWebSocket();
        await reference.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Port}/"), cancellation);
        using var ours = new ClientWebSocket();
        ours.Options.AddSubProtocol(StatLane.ScaleProtocol);
        await ours.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Port}/"), cancellation);
        ours.SubProtocol.Should().Be(StatLane.ScaleProtocol);
        var report = StatCodec.Encode([new WireStatMessage("ns", "rev", new Stat { PodName = "a", AverageConcurrentRequests = 1 })]);
        foreach (var client in new[] { ours, reference })
        {
            await client.SendAsync(report, WebSocketMessageType.Binary, true, cancellation);
            await _taken.Reader.ReadAsync(cancellation);
        }

        server.Announce(new ScaleFromZero("ns", "secret", TimeSpan.FromMilliseconds(12)));
        server.Announce(new ScaleFromZero("ns", "rev", TimeSpan.FromMilliseconds(12)));
        var buffer = new byte[1024];
        var got = await ours.ReceiveAsync(buffer.AsMemory(), cancellation);
        StatCodec.DecodeScale(buffer.AsSpan(0, got.Count)).Should().Be(new ScaleFromZero("ns", "rev", TimeSpan.FromMilliseconds(12)));

        var stopped = server.DisposeAsync();
        (await reference.ReceiveAsync(buffer.AsMemory(), cancellation)).MessageType.Should().Be(WebSocketMessageType.Close);
        (await ours.ReceiveAsync(buffer.AsMemory(), cancellation)).MessageType.Should().Be(WebSocketMessageType.Close);
        ((int?)ours.CloseStatus).Should().Be(1012, "nothing is sent after the close");
        await stopped;
    }

    [Test]
    public void A_message_of_a_scale_is_read_with_care()
    {
        FluentActions.Invoking(static () => StatCodec.DecodeScale([255, 255])).Should().Throw<InvalidDataException>();
        StatCodec
            .DecodeScale([0x18, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1])
            .WriteTime.Should()
            .Be(TimeSpan.FromDays(1), "no duration overflows");
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task A_forwarder_finds_the_process_that_decides_for_each_revision(CancellationToken cancellation)
    {
        await using var first = await StartAsync();
        var other = Channel.CreateUnbounded<(WireStatMessage Message, bool IsForwarded)>();
        await using var second = await RunningStatistics.StartAsync(
            new AutoscalerOptions(IPAddress.Loopback, 0),
            (message, isForwarded) => other.Writer.TryWrite((message, isForwarded))
        );
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Uri OwnerOf(Shard shard) =>
            shard.Index == 0
                ? new Uri($"ws://127.0.0.1:{first.Port}/")
                : new Uri($"ws://127.0.0.1:{second.Port}{StatisticsModule.ForwardedPath}");
        var forwarder = new StatForwarder(() => 2, OwnerOf, TimeProvider.System, NullLogger<StatForwarder>.Instance);
        var running = forwarder.RunAsync(stop.Token);
        var names = Enumerable.Range(0, 20).Select(i => $"rev-{i}").ToList();
        foreach (var name in names)
            forwarder.Report("ns", name, new Stat { PodName = "a", RequestCount = 1 });

        var of = names.ToLookup(name => Shard.IndexOf(new ObjectKey("ns", name), 2));
        of[0].Should().NotBeEmpty();
        of[1].Should().NotBeEmpty();
        foreach (var name in of[0])
            (await _taken.Reader.ReadAsync(cancellation)).Name.Should().Be(name);
        foreach (var name in of[1])
            (await other.Reader.ReadAsync(cancellation))
                .Should()
                .Match<(WireStatMessage Message, bool IsForwarded)>(got => got.Message.Name == name && got.IsForwarded);
        await stop.CancelAsync();
        await running;
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Refuses_one_connection_too_many_and_takes_the_next_when_one_is_gone(CancellationToken cancellation)
    {
        await using var server = await RunningStatistics.StartAsync(new AutoscalerOptions(IPAddress.Loopback, 0), (_, _) => { }, most: 1);
        var address = new Uri($"ws://127.0.0.1:{server.Port}/");
        using (var first = new ClientWebSocket())
        {
            await first.ConnectAsync(address, cancellation);
            using var second = new ClientWebSocket();
            second.Options.CollectHttpResponseDetails = true;
            await FluentActions.Awaiting(() => second.ConnectAsync(address, cancellation)).Should().ThrowAsync<WebSocketException>();
            second.HttpStatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
        }

        await Eventually.HoldsAsync(async () =>
        {
            using var third = new ClientWebSocket();
            await third.ConnectAsync(address, cancellation);
        });
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Takes_the_longest_message_that_a_forwarder_sends_and_none_that_is_longer(CancellationToken cancellation)
    {
        await using var server = await StartAsync();
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new Uri($"ws://127.0.0.1:{server.Port}/"), cancellation);
        var longest = new Stat
        {
            PodName = new string('p', 253),
            AverageConcurrentRequests = 1.1,
            AverageProxiedConcurrentRequests = 1.1,
            RequestCount = 1.1,
            ProxiedRequestCount = 1.1,
            ProcessUptime = 1.1,
        };
        var message = new WireStatMessage(new string('n', 63), new string('r', 253), longest);
        await socket.SendAsync(
            StatCodec.Encode([.. Enumerable.Repeat(message, StatLane.MostPerMessage)]),
            WebSocketMessageType.Binary,
            true,
            cancellation
        );
        for (var i = 0; i < StatLane.MostPerMessage; i++)
            (await _taken.Reader.ReadAsync(cancellation)).Should().Be(message);

        await socket.SendAsync(new byte[StatLane.MostPerMessage * 1024 + 4096], WebSocketMessageType.Binary, true, cancellation);
        (await socket.ReceiveAsync(new byte[16].AsMemory(), cancellation)).MessageType.Should().Be(WebSocketMessageType.Close);
        socket.CloseStatus.Should().Be(WebSocketCloseStatus.MessageTooBig);
    }

    [Test]
    [CancelAfter(30_000)]
    public async Task Nobody_is_taken_while_the_module_does_not_run(CancellationToken cancellation)
    {
        var endpoint = new StatisticsEndpoint((_, _) => { }, NullLoggerFactory.Instance);
        await using var ports = await ServedPorts.StartAsync(endpoint.PortAt(new AutoscalerOptions(IPAddress.Loopback, 0)));
        var address = new Uri($"ws://{ports["statistics"]}/");

        async Task<WebSocketState> ConnectAsync()
        {
            using var socket = new ClientWebSocket();
            socket.Options.CollectHttpResponseDetails = true;
            try
            {
                await socket.ConnectAsync(address, cancellation);
            }
            catch (WebSocketException)
            {
                socket.HttpStatusCode.Should().Be(HttpStatusCode.ServiceUnavailable);
            }

            return socket.State;
        }

        (await ConnectAsync()).Should().Be(WebSocketState.Closed);
        endpoint.Open();
        (await ConnectAsync()).Should().Be(WebSocketState.Open);
        await endpoint.CloseAsync();
        (await ConnectAsync()).Should().Be(WebSocketState.Closed);
    }

    private Task<RunningStatistics> StartAsync() =>
        RunningStatistics.StartAsync(
            new AutoscalerOptions(IPAddress.Loopback, 0),
            (message, isForwarded) => _taken.Writer.TryWrite(isForwarded ? message with { Name = message.Name + " forwarded" } : message)
        );
}

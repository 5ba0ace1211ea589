using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Dataplane.Tracing;
using Serving.Observability.Metrics;
using Serving.QueueProxy;
using Serving.Tests.Networking.Gateway;
using Serving.Tests.Support;

namespace Serving.Tests.Dataplane;

/// <summary>The allocations of a hop per HTTP/1.1 request. Client and program allocate nothing, so everything measured belongs to the
/// hop.</summary>
[TestFixture]
[NonParallelizable]
[CancelAfter(120_000)]
[Category("Slow")]
public sealed class AllocationTests
{
    private const int Requests = 2000;
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(100);

    [Test]
    public async Task Of_the_sidecar()
    {
        using var program = new LeanProgram();
        var config = new QueueProxyConfig
        {
            Namespace = "ns",
            Configuration = "config",
            Revision = "rev",
            Pod = "pod",
            ListenAddress = IPAddress.Loopback,
            ServingPort = 0,
            TlsPort = 0,
            AdminPort = 0,
            StatsPort = 0,
            UserPort = program.EndPoint.Port,
            ContainerConcurrency = 0,
            Timeout = TimeSpan.FromSeconds(300),
        };
        await using var sidecar = new QueueProxyServer(config, static _ => null, TimeProvider.System, NullLoggerFactory.Instance);
        await sidecar.StartAsync(default);

        Allocated(sidecar.Endpoint, "h", most: 240).Should().BeLessThan(240);
    }

    [TestCase(false)]
    [TestCase(true)]
    public async Task Of_the_gateway(bool measured)
    {
        // Metrics are collected only while something scrapes them, and cost no allocation either.
        using var exporter = measured ? new PrometheusExporter("Serving") : null;
        using var program = new LeanProgram();
        await using var gateway = await RunningGateway.StartAsync();
        gateway.Cluster.PutService("lean");
        gateway.Cluster.PutEndpoints("lean", program.EndPoint);
        gateway.Cluster.PutIngress("lean", Networking.Gateway.Cluster.Rule("lean.test", Networking.Gateway.Cluster.To("lean")));
        await gateway.RoutedAsync("lean");

        // 260 when the response is there before the gateway waits for it, 430 when each of its methods has to wait.
        Allocated(gateway.External, "lean.test", most: 512).Should().BeLessThan(512);
        if (exporter is not null)
            exporter
                .Render()
                .Should()
                .MatchRegex("kn_gateway_request_duration_seconds_count{[^}]*kn_revision_name=\"lean\"[^}]*} [0-9]{4,}");
    }

    [Test]
    public async Task Of_the_gateway_for_a_request_that_is_not_sampled()
    {
        using var exporter = new RecordedSpans("Serving.Networking.Gateway");
        using var program = new LeanProgram();
        await using var gateway = await RunningGateway.StartAsync(
            options: RunningGateway.Options with
            {
                Tracing = new TraceSampling(1e-9),
            }
        );
        gateway.Cluster.PutService("lean");
        gateway.Cluster.PutEndpoints("lean", program.EndPoint);
        gateway.Cluster.PutIngress("lean", Networking.Gateway.Cluster.Rule("lean.test", Networking.Gateway.Cluster.To("lean")));
        await gateway.RoutedAsync("lean");

        // As much as without tracing, and the header that tells it to later hops; nothing when the caller has already told.
        Allocated(gateway.External, "lean.test", most: 512 + 144).Should().BeLessThan(512 + 144);
        Allocated(gateway.External, "lean.test\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", most: 512 + 144)
            .Should()
            .BeLessThan(512 + 144);
        exporter.All.Should().BeEmpty();
    }

    /// <summary>
    /// Bytes per request once the code is compiled for the last time, which takes a while in a young process. What the process allocates
    /// without requests, such as for fixtures that have not ended, does not count.
    /// </summary>
    private static long Allocated(IPEndPoint server, string host, long most)
    {
        var request = System.Text.Encoding.ASCII.GetBytes($"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: lean\r\nAccept: */*\r\n\r\n");
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        socket.Connect(server);
        var (least, idle) = (long.MaxValue, double.MaxValue);
        var watch = Stopwatch.StartNew();
        while (least >= most && watch.Elapsed < WarmUp)
        {
            var (unused, rest) = Measured(static () => Thread.Sleep(Rest));
            idle = Math.Min(idle, unused / rest.TotalSeconds);
            var (used, time) = Measured(() =>
            {
                for (var i = 0; i < Requests; i++)
                    Exchange(socket, request);
            });
            least = Math.Min(least, (long)((used - idle * time.TotalSeconds) / Requests));
        }

        TestContext.Out.WriteLine($"{least} bytes a request; {idle:0} bytes a second without");
        return least;
    }

    private static (long Bytes, TimeSpan Time) Measured(Action work)
    {
        var watch = Stopwatch.StartNew();
        var before = GC.GetTotalAllocatedBytes(precise: true);
        work();
        return (GC.GetTotalAllocatedBytes(precise: true) - before, watch.Elapsed);
    }

    private static void Exchange(Socket socket, ReadOnlySpan<byte> request)
    {
        socket.Send(request);
        Span<byte> response = stackalloc byte[1024];
        var length = 0;
        while (!response[..length].EndsWith("hello"u8))
        {
            var read = socket.Receive(response[length..]);
            if (read == 0)
                throw new EndOfStreamException();
            length += read;
        }
    }

    /// <summary>Responds with hello to every request, on its own threads.</summary>
    private sealed class LeanProgram : IDisposable
    {
        private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);

        public LeanProgram()
        {
            _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
            _listener.Listen();
            new Thread(Accept) { IsBackground = true }.Start();
        }

        public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

        public void Dispose() => _listener.Dispose();

        private void Accept()
        {
            try
            {
                while (true)
                {
                    var socket = _listener.Accept();
                    new Thread(() => Serve(socket)) { IsBackground = true }.Start();
                }
            }
            catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
            {
                // The test is over.
            }
        }

        private static void Serve(Socket socket)
        {
            using var connection = socket;
            Span<byte> request = stackalloc byte[4096];
            try
            {
                var length = 0;
                while (true)
                {
                    var read = connection.Receive(request[length..]);
                    if (read == 0)
                        return;
                    length += read;
                    if (!request[..length].EndsWith("\r\n\r\n"u8))
                        continue;
                    length = 0;
                    connection.Send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"u8);
                }
            }
            catch (SocketException)
            {
                // The hop has closed it.
            }
        }
    }
}

using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Net.WebSockets;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Benchmarks.Soak;
using Serving.Dataplane.Servers;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Manifests;
using Serving.Tests.Dataplane;
using Serving.Tests.Support;
using Gateways = Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Cluster;

/// <summary>
/// A gateway process with a thousand streams open gets SIGTERM: every response arrives whole, clients are asked to go elsewhere, and the
/// process ends in time. The backend is the test, so that nothing is answered before the gateway is told to stop.
/// </summary>
[Category("Slow")]
[Parallelizable]
public sealed class OpenStreamsDrainTests
{
    private const string Host = "drain.test";
    private const int Http1Streams = 400;
    private const int Http2Streams = 480;
    private const int RawStreams = 20;
    private const int SocketsOfEachKind = 25;
    private const int AllStreams = Http1Streams + Http2Streams + RawStreams + (4 * SocketsOfEachKind);
    private const int BodyLength = 20_000;
    private static readonly TimeSpan DrainDelay = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(35);
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly string _directory = Directory.CreateTempSubdirectory("serving-drain-").FullName;
    private readonly int[] _ports = FreePorts.Of(IPAddress.Loopback, 4);
    private readonly TaskCompletionSource _release = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly CancellationTokenSource _goodbye = new();
    private int _open;
    private HostProcess? _api;
    private HostProcess? _gateway;
    private DataplaneServer? _backend;

    private IPEndPoint Gateway => new(IPAddress.Loopback, _ports[1]);

    [TearDown]
    public async Task StopAsync()
    {
        _release.TrySetResult();
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        if (_api is not null)
        {
            await _api.DisposeAsync();
        }

        if (_backend is not null)
        {
            await _backend.DisposeAsync();
        }

        _goodbye.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Test]
    public async Task A_thousand_open_streams_end_well_when_the_process_is_told_to_stop()
    {
        TestCluster.NeedsLocalCluster("it stops a process of this machine");
        await StartAsync();
        using var http1 = ClientOf("1.1");
        using var http2 = ClientOf("2.0");
        using var raw = await RawHttp2.ConnectAsync(Gateway);
        var bodies = Enumerable
            .Range(0, Http1Streams)
            .Select(_ => BodyAsync(http1, "1.1"))
            .Concat(Enumerable.Range(0, Http2Streams).Select(_ => BodyAsync(http2, "2.0")))
            .ToList();
        for (var i = 0; i < RawStreams; i++)
        {
            await raw.RequestAsync(1 + (2 * i), (":method", "GET"), (":scheme", "http"), (":authority", Host), (":path", "/"));
        }

        var closing = await SocketsAsync("/closing");
        var endless = await SocketsAsync("/endless");
        await Eventually.HoldsAsync(() => Volatile.Read(ref _open).Should().Be(AllStreams), Limit);

        var stopped = Stopwatch.StartNew();
        await _gateway!.TerminateAsync();

        // Until load balancers have noticed, new requests are served, and their clients told to go.
        await Eventually.HoldsAsync(async () => (await AskAsync()).Should().Be((HttpStatusCode.OK, true)), DrainDelay);
        await Eventually.HoldsAsync(() => FluentActions.Invoking(Connect).Should().Throw<SocketException>(), Limit);
        await Eventually.HoldsAsync(() => raw.GoneAway.Should().Be(0, "the streams of the connection go on"), Limit);
        bodies.Should().NotContain(static body => body.IsCompleted, "the backend has not answered yet");
        _gateway.HasExited.Should().BeFalse();

        _release.SetResult();
        await _goodbye.CancelAsync();

        (await Task.WhenAll(bodies).WaitAsync(Limit))
            .Should()
            .HaveCount(Http1Streams + Http2Streams)
            .And.OnlyContain(static length => length == BodyLength);
        await Eventually.HoldsAsync(
            () =>
                raw
                    .Responses.Should()
                    .HaveCount(RawStreams)
                    .And.OnlyContain(static response =>
                        response.Status == 200 && response.Ended.IsCompletedSuccessfully && response.Body.Length == BodyLength
                    ),
            Limit
        );
        foreach (var socket in closing)
        {
            (await socket.NextAsync()).Should().Be("1000 bye");
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", default);
        }

        // Nobody can ask a WebSocket to end: those that stay open are closed at the end of the time to drain.
        foreach (var socket in endless)
        {
            (await socket.AskAsync("still there?")).Should().Be("still there?");
        }

        (await _gateway.WaitForExitAsync(Limit)).Should().Be(0, _gateway.Output);
        stopped.Elapsed.Should().BeLessThan(DrainDelay + DrainTimeout + TimeSpan.FromSeconds(10), "the time to drain is a limit");
        foreach (var socket in endless)
        {
            await FluentActions.Awaiting(() => socket.NextAsync()).Should().ThrowAsync<WebSocketException>();
        }

        TestContext.Out.WriteLine($"{AllStreams} streams; the process ended {stopped.Elapsed.TotalSeconds:0.0} s after SIGTERM");
        closing.Concat(endless).ToList().ForEach(static socket => socket.Dispose());
    }

    /// <summary>Starts an API server, a backend, and a gateway that routes to it.</summary>
    private async Task StartAsync()
    {
        _api = HostProcess.Start("local", "--plain", "--roles", "apiserver", "--data-dir", _directory, "--api-port", Text(_ports[0]));
        await Eventually.HoldsAsync(() => _api.Output.Should().Contain("API server"), Limit);
        var kubeconfig = Path.Combine(_directory, "kubeconfig");
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(kubeconfig));
        var applier = new ManifestApplier(client, new ResourceDiscovery(client));
        await applier.ApplyPathsAsync(
            [Repository.PathOf("deploy", "base", "namespace.yaml"), Repository.PathOf("deploy", "crds")],
            "serving-tests",
            CancellationToken.None
        );
        await applier.ApplyTextAsync(
            "test",
            $$"""
            apiVersion: v1
            kind: ConfigMap
            metadata: {name: config-gateway-listeners, namespace: knative-serving}
            data: {drain-timeout: {{DrainTimeout.TotalSeconds}}s}
            """,
            "serving-tests",
            CancellationToken.None
        );
        _backend = new DataplaneServer(new DataplaneServerOptions { Endpoints = [new(IPAddress.Loopback, 0)] }, AnswerAsync);
        await _backend.StartAsync(default);
        await RouteAsync(client, _backend.Endpoints[0]);
        _gateway = HostProcess.Start(
            "run",
            "--kubeconfig",
            kubeconfig,
            "--modules",
            "gateway",
            "--bind",
            "127.0.0.1",
            "--gateway-port",
            Text(_ports[1]),
            "--gateway-internal-port",
            Text(_ports[2]),
            "--health-port",
            Text(_ports[3]),
            "--drain-delay",
            Text((int)DrainDelay.TotalSeconds)
        );
        await Eventually.HoldsAsync(async () => (await AskAsync()).Should().Be((HttpStatusCode.OK, false), _gateway.Output), Limit);
    }

    private static async Task RouteAsync(ClusterClient client, IPEndPoint backend)
    {
        // Without a Service that leads to its pod, a process does not wait for load balancers.
        await client.CreateAsync(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "gateway" },
                Spec = new CoreServiceSpec
                {
                    Selector = new Dictionary<string, string> { ["app"] = "serving" },
                    Ports = [new ServicePort { Name = "http2", Port = 80 }],
                },
            },
            CancellationToken.None
        );
        const string Name = "backend";
        await client.CreateAsync(
            Resources.Services,
            new CoreService
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = Name },
                Spec = new CoreServiceSpec { Ports = [new ServicePort { Name = "http", Port = 80 }] },
            },
            CancellationToken.None
        );
        await client.CreateAsync(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = Name },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = backend.Address.ToString() }],
                        Ports = [new EndpointPort { Name = "http", Port = backend.Port }],
                    },
                ],
            },
            CancellationToken.None
        );
        await client.CreateAsync(
            Resources.Ingresses,
            Gateways.NewIngress("drain", Gateways.Rule(Host, Gateways.To(Name))),
            CancellationToken.None
        );
    }

    /// <summary>The backend: keeps requests open until it is released.</summary>
    private async Task AnswerAsync(HttpContext context)
    {
        if (context.Request.Path == "/now")
        {
            await context.Response.WriteAsync("now");
            return;
        }

        Interlocked.Increment(ref _open);
        if (context.Request.Path != "/")
        {
            await WebSockets.EchoAsync(context, context.Request.Path == "/closing" ? _goodbye.Token : default);
            return;
        }

        // Half of each body is sent before the end, so that it must go on over the same connections.
        context.Response.ContentLength = BodyLength;
        await context.Response.Body.WriteAsync(new byte[BodyLength / 2]);
        await context.Response.Body.FlushAsync();
        await _release.Task;
        await context.Response.Body.WriteAsync(new byte[BodyLength / 2]);
    }

    private async Task<List<ClientWebSocket>> SocketsAsync(string path)
    {
        var sockets = new List<ClientWebSocket>();
        for (var i = 0; i < 2 * SocketsOfEachKind; i++)
        {
            sockets.Add(await WebSockets.ConnectAsync(new Uri($"ws://{Gateway}{path}"), version: 1 + (i % 2), host: Host));
        }

        return sockets;
    }

    private HttpRequestMessage Request(string path, string version) =>
        new(HttpMethod.Get, $"http://{Gateway}{path}")
        {
            Headers = { Host = Host },
            Version = Version.Parse(version),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };

    private async Task<int> BodyAsync(HttpClient client, string version)
    {
        using var request = Request("/", version);
        using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return (await response.Content.ReadAsByteArrayAsync()).Length;
    }

    /// <summary>A short request on a new connection: its status, and whether its client is told to go.</summary>
    private async Task<(HttpStatusCode Status, bool Close)> AskAsync()
    {
        using var client = ClientOf("1.1");
        using var request = Request("/now", "1.1");
        using var response = await client.SendAsync(request);
        return (response.StatusCode, response.Headers.ConnectionClose == true);
    }

    private void Connect()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(Gateway);
    }

    private static HttpClient ClientOf(string version) =>
        new(new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = version == "2.0" }) { Timeout = Limit };

    private static string Text(int number) => number.ToString(CultureInfo.InvariantCulture);
}

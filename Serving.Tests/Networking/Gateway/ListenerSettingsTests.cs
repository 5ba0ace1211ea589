using System.Net;
using System.Net.Sockets;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Conditions;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Dataplane.ProxyProtocol;
using Serving.Kubernetes.Events;
using Serving.Networking.Gateway;
using Serving.Networking.Gateway.Readiness;
using Serving.Networking.Layers;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

/// <summary>config-gateway-listeners at a running gateway.</summary>
[CancelAfter(60_000)]
[Category("Slow")]
public sealed class ListenerSettingsTests
{
    private const string Map = "config-gateway-listeners";
    private const string Version1 = "PROXY TCP4 192.0.2.7 198.51.100.7 56324 443\r\n";
    private static readonly IPEndPoint Anywhere = new(IPAddress.Loopback, 0);
    private static readonly byte[] Version2 = ProxyHeaderWriter.Proxied(
        IPEndPoint.Parse("[2001:db8::7]:5000"),
        IPEndPoint.Parse("[2001:db8::1]:443")
    );
    private static readonly (string, string)[] Required =
    [
        ("external.proxy-protocol", "required"),
        ("external.proxy-protocol-sources", "127.0.0.0/8"),
    ];

    [Test]
    public async Task The_program_learns_the_client_that_the_load_balancer_names(
        [Values("1.1", "2.0")] string http,
        [Values] bool tls,
        [Values(1, 2)] int version
    )
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(RunningGateway.Options with { Https = Anywhere }, Required);
        await RouteAsync(gateway);
        var header = version == 1 ? Encoding.ASCII.GetBytes(Version1) : Version2;
        using var client = Client(header);

        for (var i = 0; i < 3; i++)
        {
            using var request = Request(gateway, tls);
            (request.Version, request.VersionPolicy) = (Version.Parse(http), HttpVersionPolicy.RequestVersionExact);
            using var response = await client.SendAsync(request);
            response.Version.Should().Be(request.Version);
            (await response.Content.ReadAsStringAsync())
                .Should()
                .Be($"{(version == 1 ? "192.0.2.7" : "2001:db8::7")} {(tls ? "https" : "http")}", "every request of the connection has it");
        }
    }

    [Test]
    public async Task The_forwarding_headers_of_a_trusted_hop_are_kept_and_the_named_client_is_appended()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options,
            [.. Required, ("external.trusted-hops", "1")]
        );
        await RouteAsync(gateway);
        using var client = Client(Encoding.ASCII.GetBytes(Version1));
        using var request = Request(gateway, tls: false);
        request.Headers.Add("X-Forwarded-For", "203.0.113.5");

        using var response = await client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("203.0.113.5, 192.0.2.7 http");
    }

    [Test]
    public async Task The_protocol_is_switched_on_and_off_while_requests_are_served()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(RunningGateway.Options);
        await RouteAsync(gateway);
        using var plain = Client([]);
        (await AskAsync(gateway, plain)).Should().Be("127.0.0.1 http");

        gateway.Config!.Put(Map, Required);
        (await AskAsync(gateway, plain)).Should().Be("127.0.0.1 http", "an open connection goes on");
        using (var late = Client([]))
            await FluentActions.Awaiting(() => AskAsync(gateway, late)).Should().ThrowAsync<HttpRequestException>();
        using (var balanced = Client(Encoding.ASCII.GetBytes(Version1)))
            (await AskAsync(gateway, balanced)).Should().Be("192.0.2.7 http");

        gateway.Config.Put(Map, ("external.proxy-protocol", "optional"), ("external.proxy-protocol-sources", "127.0.0.1"));
        using (var late = Client([]))
            (await AskAsync(gateway, late)).Should().Be("127.0.0.1 http");
        using (var balanced = Client(Version2))
            (await AskAsync(gateway, balanced)).Should().Be("2001:db8::7 http");

        gateway.Config.Put(Map);
        using (var late = Client([]))
            (await AskAsync(gateway, late)).Should().Be("127.0.0.1 http");
        (await AskAsync(gateway, plain)).Should().Be("127.0.0.1 http");
    }

    [Test]
    public async Task The_listener_inside_keeps_its_own_settings()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options with
            {
                TrustedHops = 1,
            },
            [.. Required, ("cluster-local.trusted-hops", "0")]
        );
        await RouteAsync(gateway);
        using var client = Client([]);
        using var request = Request(gateway, tls: false, gateway.ClusterLocal);
        request.Headers.Add("X-Forwarded-For", "203.0.113.5");

        using var response = await client.SendAsync(request);

        (await response.Content.ReadAsStringAsync()).Should().Be("127.0.0.1 http", "a pod is no load balancer");
    }

    [Test]
    public async Task The_number_of_trusted_hops_and_the_size_of_heads_change_while_requests_are_served()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(RunningGateway.Options);
        await RouteAsync(gateway);
        using var client = Client([]);
        async Task<(HttpStatusCode, string)> AskWithAsync(int length)
        {
            using var request = Request(gateway, tls: false);
            request.Headers.Add("X-Forwarded-For", "203.0.113.5");
            request.Headers.Add("X-Large", new string('a', length));
            using var response = await client.SendAsync(request);
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }

        (await AskWithAsync(20_000)).Should().Be((HttpStatusCode.OK, "127.0.0.1 http"));
        gateway.Config!.Put(Map, ("external.trusted-hops", "1"));
        (await AskWithAsync(20_000)).Should().Be((HttpStatusCode.OK, "203.0.113.5, 127.0.0.1 http"));
        gateway.Config.Put(Map, ("external.max-request-head-bytes", "8192"));
        (await AskWithAsync(2_000)).Should().Be((HttpStatusCode.OK, "127.0.0.1 http"));
        (await AskWithAsync(20_000)).Item1.Should().Be(HttpStatusCode.RequestHeaderFieldsTooLarge);
        gateway.Config.Put(Map, ("external.max-request-head-bytes", "not a number"));
        (await AskWithAsync(20_000)).Item1.Should().Be(HttpStatusCode.RequestHeaderFieldsTooLarge, "the last valid value stays");
        (await AskWithAsync(2_000)).Should().Be((HttpStatusCode.OK, "127.0.0.1 http"));
    }

    [Test]
    public async Task Values_that_are_invalid_at_the_start_leave_the_defaults()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options,
            ("external.proxy-protocol", "required")
        );
        await RouteAsync(gateway);
        using var client = Client([]);

        (await AskAsync(gateway, client)).Should().Be("127.0.0.1 http");
    }

    /// <summary>The probe of another replica is no load balancer, so it must pass without being a trusted source.</summary>
    [Test]
    public async Task The_probe_of_another_replica_passes_where_the_protocol_is_required()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options,
            ("cluster-local.proxy-protocol", "required"),
            ("cluster-local.proxy-protocol-sources", "10.0.0.0/8")
        );
        await RouteAsync(gateway);
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "named")!;
        var hash = IngressHash.Compute(ingress);

        using var probe = new ReplicaProbe(static () => true, NullLogger.Instance);
        (await probe.HasAsync(gateway.ClusterLocal, ingress, hash, default)).Should().BeTrue();
        using var plain = new ReplicaProbe(static () => false, NullLogger.Instance);
        (await plain.HasAsync(gateway.ClusterLocal, ingress, hash, default)).Should().BeFalse("else this would prove nothing");
    }

    [Test]
    public async Task An_Ingress_becomes_ready_where_the_protocol_is_required()
    {
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options,
            ("cluster-local.proxy-protocol", "required"),
            ("cluster-local.proxy-protocol-sources", "10.0.0.0/8")
        );
        gateway.Cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new ObjectMeta { Namespace = "knative-serving", Name = "gateway-internal" },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "127.0.0.1" }],
                        Ports = [new EndpointPort { Name = "http", Port = gateway.ClusterLocal.Port }],
                    },
                ],
            }
        );
        await RouteAsync(gateway);
        using var stop = new CancellationTokenSource();
        var status = new GatewayStatusModule(
            RunningGateway.Options with
            {
                Listeners = new GatewayListeners(gateway.Config!.Store),
            },
            Cluster.Environment,
            gateway.Cluster,
            NullLoggerFactory.Instance,
            Substitute.For<IEventRecorder>(),
            TimeProvider.System
        ).RunAsync(gateway.Cluster, stop.Token);

        await Eventually.HoldsAsync(() =>
            ConditionSet
                .Get(gateway.Cluster.Find(Resources.Ingresses, "default", "named")!.Status.Conditions, "Ready")!
                .Status.Should()
                .Be("True")
        );
        await stop.CancelAsync();
        await status;
    }

    [Test]
    public async Task The_time_to_drain_is_that_of_the_moment_and_at_most_that_of_the_process()
    {
        var arrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var gateway = await RunningGateway.StartConfiguredAsync(
            RunningGateway.Options with
            {
                DrainTimeout = TimeSpan.FromMinutes(5),
            },
            ("drain-timeout", "9m")
        );
        await gateway.RouteAsync(
            "endless.test",
            async context =>
            {
                arrived.SetResult();
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }
        );
        using var client = Client([]);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{gateway.External}/") { Headers = { Host = "endless.test" } };
        var endless = client.SendAsync(request);
        await arrived.Task;

        gateway.Config!.Put(Map, ("drain-timeout", "1s"));
        await gateway.StopAsync().WaitAsync(TimeSpan.FromSeconds(30));

        await endless.Awaiting(static response => response).Should().ThrowAsync<HttpRequestException>();
    }

    private static async Task RouteAsync(RunningGateway gateway)
    {
        await gateway.RouteAsync(
            "named.test",
            static context =>
                context.Response.WriteAsync($"{context.Request.Headers["X-Forwarded-For"]} {context.Request.Headers["X-Forwarded-Proto"]}")
        );
        using var authority = new TestAuthority("test");
        gateway.Cluster.Put(Resources.Secrets, authority.Secret("default", "cert", "named.test"));
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "named")!;
        gateway.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = ingress.Spec with
                {
                    Tls =
                    [
                        new IngressTls
                        {
                            Hosts = ["named.test"],
                            SecretName = "cert",
                            SecretNamespace = "default",
                        },
                    ],
                },
            }
        );
        await gateway.RoutedAsync("named");
    }

    private static async Task<string> AskAsync(RunningGateway gateway, HttpClient client)
    {
        using var request = Request(gateway, tls: false);
        using var response = await client.SendAsync(request);
        return await response.Content.ReadAsStringAsync();
    }

    private static HttpRequestMessage Request(RunningGateway gateway, bool tls, IPEndPoint? to = null) =>
        new(HttpMethod.Get, tls ? $"https://{gateway.Module.Listening[2]}/" : $"http://{to ?? gateway.External}/")
        {
            Headers = { Host = "named.test" },
        };

    /// <summary>A client that sends this header first on each connection, as a load balancer does.</summary>
    private static HttpClient Client(byte[] header)
    {
        var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            ConnectCallback = async (context, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(context.DnsEndPoint, cancellation);
                    await socket.SendAsync(header, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        handler.SslOptions.TargetHost = "named.test";
#pragma warning disable CA5359 // A certificate created for this test.
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, _, _, _) => true;
#pragma warning restore CA5359
        return new HttpClient(handler);
    }
}

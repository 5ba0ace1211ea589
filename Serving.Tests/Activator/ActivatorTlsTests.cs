using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Activator;
using Serving.Activator.Statistics;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Certificates;
using Serving.Dataplane;
using Serving.Dataplane.Servers;
using Serving.Dataplane.Statistics;
using Serving.Host.Composition;
using Serving.Kubernetes.Hosting;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Support;

namespace Serving.Tests.Activator;

/// <summary>The activator with system-internal-tls: its own TLS port, and TLS to pods.</summary>
[CancelAfter(60_000)]
public sealed class ActivatorTlsTests : IRequestStatSink
{
    private readonly TestAuthority _authority = new();
    private InMemoryCluster _cluster = null!;
    private LiveConfig _config = null!;
    private SystemCertificates _certificates = null!;
    private ActivatorModule? _activator;
    private CancellationTokenSource _stop = null!;
    private Task _running = Task.CompletedTask;

    [SetUp]
    public void SetUp()
    {
        _cluster = new InMemoryCluster();
        _config = new LiveConfig(_cluster);
        _config.Put("config-network", ("system-internal-tls", "Enabled"));
        _certificates = new SystemCertificates(_cluster, LiveConfig.Namespace, NullLogger<SystemCertificates>.Instance);
        _stop = new CancellationTokenSource();
    }

    [TearDown]
    public async Task TearDown()
    {
        await _stop.CancelAsync();
        await _running;
        _activator?.Dispose();
        _certificates.Dispose();
        _config.Dispose();
        _stop.Dispose();
    }

    [OneTimeTearDown]
    public void OneTimeTearDown() => _authority.Dispose();

    public void Report(string ns, string revision, in Stat stat) { }

    [Test]
    public async Task Refuses_the_handshake_until_its_Secret_is_there_and_then_serves_with_the_newest()
    {
        await StartAsync(podTlsPort: 1);
        var before = async () => await AskAsync(HttpVersion.Version11);
        await before.Should().ThrowAsync<HttpRequestException>();

        PutSecret();
        var (status, first) = await AskAsync(HttpVersion.Version11);
        status.Should().Be(HttpStatusCode.NotFound, "there is no such revision, which it can tell by now");

        PutSecret();
        var (_, second) = await AskAsync(HttpVersion.Version20);
        second.Should().NotBe(first);
    }

    [Test]
    public async Task Refuses_TLS_1_1()
    {
        PutSecret();
        await StartAsync(podTlsPort: 1);

        (await OldTlsClient.GreetAsync(_activator!.Endpoints[2], "kn-routing")).Should().Equal(OldTlsClient.VersionRefused);
    }

    [TestCase("", "HTTP/1.1")]
    [TestCase("h2c", "HTTP/2")]
    public async Task Reaches_a_pod_by_TLS_in_the_protocol_of_its_revision(string portName, string protocol)
    {
        PutSecret();
        await using var pod = await PodAsync(_authority.Serve("kn-user-ns", "data-plane.knative.dev"));
        await StartAsync(pod.Endpoints[1].Port);
        PutRevision(portName);
        _cluster.Put(Resources.Pods, FakePod.Object("pod", pod.Endpoints[0].Port));

        (await HandOverAsync()).Should().Be((200, $"TLS {protocol}"));
    }

    [Test]
    public async Task Reaches_the_Service_by_TLS_at_the_port_that_it_names()
    {
        PutSecret();
        _config.Put("config-network", ("system-internal-tls", "Enabled"), ("mesh-compatibility-mode", "enabled"));
        await using var service = await PodAsync(_authority.Serve("kn-user-ns", "data-plane.knative.dev"));
        await StartAsync(podTlsPort: 1);
        _cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new() { Namespace = "ns", Name = "rev-private" },
                Spec = new()
                {
                    ClusterIP = "127.0.0.1",
                    Ports =
                    [
                        new() { Name = "http", Port = service.Endpoints[0].Port },
                        new() { Name = "https", Port = service.Endpoints[1].Port },
                    ],
                },
            }
        );
        PutRevision();
        _cluster.Put(Resources.Pods, FakePod.Object("pod", 1, ready: true));

        (await HandOverAsync()).Should().Be((200, "TLS HTTP/1.1"));
    }

    [Test]
    public async Task Answers_502_when_the_pod_shows_the_certificate_of_another_namespace()
    {
        PutSecret();
        await using var pod = await PodAsync(_authority.Serve("kn-user-other", "data-plane.knative.dev"));
        await StartAsync(pod.Endpoints[1].Port);
        PutRevision();
        _cluster.Put(Resources.Pods, FakePod.Object("pod", pod.Endpoints[0].Port, ready: true));

        (await HandOverAsync()).Status.Should().Be(502);
    }

    [Test]
    public async Task Answers_502_when_nobody_who_is_trusted_issued_the_certificate_of_the_pod()
    {
        PutSecret();
        using var stranger = new TestAuthority("stranger");
        await using var pod = await PodAsync(stranger.Serve("kn-user-ns", "data-plane.knative.dev"));
        await StartAsync(pod.Endpoints[1].Port);
        PutRevision();
        _cluster.Put(Resources.Pods, FakePod.Object("pod", pod.Endpoints[0].Port, ready: true));

        (await HandOverAsync()).Status.Should().Be(502);
    }

    [Test]
    public async Task Holds_a_request_until_the_pod_speaks_TLS_though_it_says_in_clear_text_that_it_is_ready()
    {
        PutSecret();
        SslStreamCertificateContext? mounted = null;
        var asked = 0;
        await using var pod = await PodAsync(() =>
        {
            Interlocked.Increment(ref asked);
            return Volatile.Read(ref mounted);
        });
        await StartAsync(pod.Endpoints[1].Port);
        PutRevision();
        _cluster.Put(Resources.Pods, FakePod.Object("pod", pod.Endpoints[0].Port));

        var answer = HandOverAsync();
        await Eventually.HoldsAsync(() => Volatile.Read(ref asked).Should().BeGreaterThan(2));
        answer.IsCompleted.Should().BeFalse();
        Volatile.Write(ref mounted, _authority.Serve("kn-user-ns"));

        (await answer).Status.Should().Be(200);
    }

    [Test]
    public async Task Goes_back_to_clear_text_when_the_setting_is_taken_back()
    {
        await using var pod = await PodAsync(_authority.Serve("kn-user-ns"));
        await StartAsync(pod.Endpoints[1].Port);
        _config.Put("config-network", ("system-internal-tls", "Disabled"));
        PutRevision();
        _cluster.Put(Resources.Pods, FakePod.Object("pod", pod.Endpoints[0].Port));

        (await HandOverAsync()).Should().Be((200, "clear HTTP/1.1"));
    }

    private static Task<DataplaneServer> PodAsync(SslStreamCertificateContext certificate) => PodAsync(() => certificate);

    private static async Task<DataplaneServer> PodAsync(Func<SslStreamCertificateContext?> certificate)
    {
        var server = new DataplaneServer(
            new DataplaneServerOptions
            {
                Endpoints = [new(IPAddress.Loopback, 0), new(IPAddress.Loopback, 0) { Certificates = _ => certificate() }],
            },
            context =>
                context.Response.WriteAsync(
                    context.Request.Headers[DataplaneHeaders.Probe] == DataplaneHeaders.QueueName
                        ? DataplaneHeaders.QueueName
                        : $"{(context.Features.Get<ITlsConnectionFeature>() is null ? "clear" : "TLS")} {context.Request.Protocol}"
                )
        );
        await server.StartAsync(default);
        return server;
    }

    private async Task StartAsync(int podTlsPort)
    {
        var tls = new SystemTls(_certificates, _config.Store);
        var options = new ActivatorOptions(IPAddress.Loopback)
        {
            HttpPort = 0,
            H2cPort = 0,
            HttpsPort = 0,
            Certificates = _certificates.Find,
            PodTls = tls.ToPods,
            PodTlsPort = podTlsPort,
            Network = () => _config.Current.Network,
            DrainDelay = TimeSpan.Zero,
        };
        _activator = new ActivatorModule(
            options,
            new ClusterEnvironment(LiveConfig.Namespace, "cluster.local", "activator-1", IPAddress.Loopback),
            _cluster,
            this,
            NullLoggerFactory.Instance,
            TimeProvider.System
        );
        _running = _activator.RunAsync(_cluster, _stop.Token);
        await Eventually.HoldsAsync(() => _activator.NotReadyReason.Should().BeNull());
    }

    private void PutSecret() =>
        _cluster.Put(
            Resources.Secrets,
            _authority.Secret(LiveConfig.Namespace, SystemCertificates.SecretName, "kn-routing", "data-plane.knative.dev")
        );

    private void PutRevision(string portName = "") =>
        _cluster.Put(
            Resources.Revisions,
            new Revision
            {
                Metadata = new()
                {
                    Namespace = "ns",
                    Name = "rev",
                    Uid = "rev-uid",
                },
                Spec = new()
                {
                    TimeoutSeconds = 30,
                    Containers =
                    [
                        new()
                        {
                            Name = "user-container",
                            Ports = portName.Length == 0 ? [] : [new ContainerPort { Name = portName, Number = 8080 }],
                        },
                    ],
                },
            }
        );

    /// <summary>A request passed on by a gateway in the same process.</summary>
    private async Task<(int Status, string Body)> HandOverAsync()
    {
        await using var gateway = await Serving.Tests.Dataplane.TestServer.StartAsync(context =>
            _activator!.HandleAsync(context, "ns", "rev").AsTask()
        );
        using var http = new HttpClient();
        using var response = await http.GetAsync(new Uri($"http://{gateway.Address}/"));
        return ((int)response.StatusCode, await response.Content.ReadAsStringAsync());
    }

    private async Task<(HttpStatusCode Status, string Thumbprint)> AskAsync(Version version)
    {
        var thumbprint = "";
        using var handler = new SocketsHttpHandler
        {
            SslOptions =
            {
                EnabledSslProtocols = SslProtocols.Tls13,
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                },
                RemoteCertificateValidationCallback = (_, certificate, _, errors) =>
                {
                    thumbprint = certificate!.GetCertHashString();

                    // The probe uses the pod's address and verifies its name.
                    return errors is SslPolicyErrors.None or SslPolicyErrors.RemoteCertificateNameMismatch;
                },
            },
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(_authority.Roots);
        using var client = new HttpClient(handler) { Timeout = TimeSpan.FromSeconds(20) };
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{_activator!.Endpoints[2]}/")
        {
            Version = version,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
        request.Headers.Add("Knative-Serving-Namespace", "ns");
        request.Headers.Add("Knative-Serving-Revision", "rev");
        using var response = await client.SendAsync(request);
        return (response.StatusCode, thumbprint);
    }
}

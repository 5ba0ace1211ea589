using System.Net;
using System.Net.Sockets;
using FluentAssertions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Networking.Layers.Probing;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Layers;

/// <summary>What a probe sends, and to whom.</summary>
public sealed class HttpIngressProbeTests
{
    private readonly HttpIngressProbe _probe = new(TimeProvider.System);
    private readonly List<string> _seen = [];
    private string? _serverName;
    private WebApplication _pod = null!;
    private TestAuthority _authority = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        _authority = new TestAuthority();
        var certificate = _authority.Serve("hello.example.com").TargetCertificate;
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(
                IPAddress.Loopback,
                0,
                port =>
                    port.UseHttps(
                        new HttpsConnectionAdapterOptions
                        {
                            ServerCertificateSelector = (_, name) =>
                            {
                                _serverName = name;
                                return certificate;
                            },
                        }
                    )
            );
        });
        _pod = builder.Build();
        _pod.Run(context =>
        {
            var request = context.Request;
            _seen.Add($"{request.Method} {request.Host} {request.Path}");
            _seen.AddRange(
                request
                    .Headers.Where(static header => header.Key is "User-Agent" or "K-Network-Probe" or "K-Network-Hash")
                    .Select(static header => $"{header.Key}: {header.Value}")
            );
            context.Response.Headers["K-Network-Hash"] = "v1";
            return Task.CompletedTask;
        });
        await _pod.StartAsync();
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        await _pod.DisposeAsync();
        _authority.Dispose();
    }

    [SetUp]
    public void Forget() => (_serverName, _) = (null, _seen.RemoveAll(static _ => true));

    [Test]
    public async Task Asks_the_pod_for_the_version_of_the_host()
    {
        (await _probe.SendAsync(Target(0, isTls: false, 80), "v1", CancellationToken.None)).Should().Be(new ProbeResult(true));

        _seen
            .Should()
            .BeEquivalentTo(
                "GET hello.example.com /healthz",
                "User-Agent: Knative-Ingress-Probe",
                "K-Network-Probe: probe",
                "K-Network-Hash: override"
            );
    }

    [Test]
    public async Task With_TLS_the_host_is_the_server_name_and_the_certificate_is_not_checked()
    {
        (await _probe.SendAsync(Target(1, isTls: true, 443), "v1", CancellationToken.None)).IsReady.Should().BeTrue();

        _serverName.Should().Be("hello.example.com");
    }

    [Test]
    public async Task Another_version_is_not_ready() =>
        (await _probe.SendAsync(Target(0, isTls: false, 80), "v2", CancellationToken.None))
            .Should()
            .Be(new ProbeResult(false, "it routes version v1, not v2"));

    [Test]
    public async Task A_pod_that_refuses_connections_is_not_ready()
    {
        using var closed = new TcpListener(IPAddress.Loopback, 0);
        closed.Start();
        var pod = (IPEndPoint)closed.LocalEndpoint;
        closed.Stop();

        var result = await _probe.SendAsync(new ProbeTarget(pod, false, "hello.example.com", 80), "v1", CancellationToken.None);

        result.IsReady.Should().BeFalse();
        result.Reason.Should().NotBeEmpty();
    }

    [Test]
    public async Task A_pod_that_does_not_respond_is_not_ready_after_a_second()
    {
        var time = new ManualTimeProvider();
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var probe = new HttpIngressProbe(time);

        var sending = probe.SendAsync(
            new ProbeTarget((IPEndPoint)silent.LocalEndpoint, false, "hello.example.com", 80),
            "v1",
            CancellationToken.None
        );
        await time.PassAsync(TimeSpan.FromSeconds(5), () => sending.IsCompleted, TimeSpan.FromSeconds(1));

        (await sending).Should().Be(new ProbeResult(false, "no response within 1 s"));
    }

    private ProbeTarget Target(int listener, bool isTls, int port) =>
        new(new IPEndPoint(IPAddress.Loopback, new Uri(_pod.Urls.ElementAt(listener)).Port), isTls, "hello.example.com", port);
}

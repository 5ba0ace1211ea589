using System.Net;
using System.Net.Security;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging.Abstractions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.Dataplane.Upstreams;
using Serving.Host.Composition;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Support;
using static Serving.Tests.Networking.Gateway.Cluster;

namespace Serving.Tests.Networking.Gateway;

/// <summary>Ingresses that target port 443 of a revision, as with system-internal-tls.</summary>
[CancelAfter(60_000)]
public sealed class SystemInternalTlsTests
{
    private readonly TestAuthority _authority = new();
    private readonly HttpClient _http = new(new SocketsHttpHandler { UseProxy = false });
    private RunningGateway _gateway = null!;
    private LiveConfig _config = null!;
    private SystemCertificates _certificates = null!;
    private Func<string, UpstreamTls>? _revisionTls;

    [SetUp]
    public async Task SetUp()
    {
        // The verification and the routes use the same cluster; the gateway creates it.
        _gateway = await RunningGateway.StartAsync(options: RunningGateway.Options with { RevisionTls = ns => _revisionTls!(ns) });
        _config = new LiveConfig(_gateway.Cluster);
        _certificates = new SystemCertificates(_gateway.Cluster, LiveConfig.Namespace, NullLogger<SystemCertificates>.Instance);
        _revisionTls = new SystemTls(_certificates, _config.Store).ToRevisions;
        _gateway.Cluster.Put(
            Resources.Secrets,
            _authority.Secret(LiveConfig.Namespace, SystemCertificates.SecretName, "kn-routing", "data-plane.knative.dev")
        );
    }

    [TearDown]
    public async Task TearDown()
    {
        await _gateway.DisposeAsync();
        _certificates.Dispose();
        _config.Dispose();
    }

    [OneTimeTearDown]
    public void OneTimeTearDown()
    {
        _http.Dispose();
        _authority.Dispose();
    }

    [TestCase("http", 80, "kn-user-default", "HTTP/1.1")]
    [TestCase("http2", 81, "kn-user-default", "HTTP/2")]
    [TestCase("http", 80, "kn-routing", "HTTP/1.1")]
    public async Task Pods_and_activators_are_reached_by_TLS_in_the_protocol_of_the_revision(
        string portName,
        int port,
        string name,
        string protocol
    )
    {
        await RouteAsync(_authority.Serve(name, "data-plane.knative.dev"), portName, port);

        using var response = await _http.SendAsync(Request());

        response.StatusCode.Should().Be(HttpStatusCode.OK);
        (await response.Content.ReadAsStringAsync()).Should().Be($"TLS {protocol} hello.test");
    }

    [TestCase("kn-user-other")]
    [TestCase("data-plane.knative.dev")]
    public async Task Answers_502_when_who_answers_cannot_prove_to_be_of_the_namespace(string name)
    {
        await RouteAsync(_authority.Serve(name, "data-plane.knative.dev"));

        using var response = await _http.SendAsync(Request());

        response.StatusCode.Should().Be(HttpStatusCode.BadGateway);
    }

    [Test]
    public async Task Trusts_an_authority_from_the_moment_a_bundle_names_it()
    {
        using var other = new TestAuthority("other");
        await RouteAsync(other.Serve("kn-user-default"));
        using var before = await _http.SendAsync(Request());

        _gateway.Cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                Metadata = new()
                {
                    Namespace = LiveConfig.Namespace,
                    Name = "bundle",
                    Labels = new Dictionary<string, string> { ["networking.knative.dev/trust-bundle"] = "" },
                },
                Data = new Dictionary<string, string> { ["ca.pem"] = other.Pem },
            }
        );
        using var after = await _http.SendAsync(Request());

        before.StatusCode.Should().Be(HttpStatusCode.BadGateway);
        after.StatusCode.Should().Be(HttpStatusCode.OK);
    }

    private async Task RouteAsync(SslStreamCertificateContext certificate, string portName = "http", int port = 80)
    {
        var backend = await _gateway.BackendAsync(
            static context =>
                context.Response.WriteAsync(
                    $"{(context.Features.Get<ITlsConnectionFeature>() is null ? "clear" : "TLS")} {context.Request.Protocol} {context.Request.Host}"
                ),
            certificate
        );
        _gateway.Cluster.Put(
            Resources.Services,
            new CoreService
            {
                Metadata = new() { Namespace = "default", Name = "hello" },
                Spec = new() { Ports = [new() { Name = portName, Port = port }, new() { Name = "https", Port = 443 }] },
            }
        );
        _gateway.Cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                Metadata = new() { Namespace = "default", Name = "hello" },
                Subsets =
                [
                    new()
                    {
                        Addresses = [new() { Ip = "127.0.0.1" }],
                        Ports = [new() { Name = portName, Port = 1 }, new() { Name = "https", Port = backend.Endpoints[0].Port }],
                    },
                ],
            }
        );
        _gateway.Cluster.PutIngress("hello", Rule("hello.test", To("hello", 443)));
        await _gateway.RoutedAsync("hello");
    }

    private HttpRequestMessage Request()
    {
        var request = new HttpRequestMessage(HttpMethod.Get, new Uri($"http://{_gateway.External}/"));
        request.Headers.Host = "hello.test";
        return request;
    }
}

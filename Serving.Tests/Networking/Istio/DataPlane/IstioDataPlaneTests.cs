using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using FluentAssertions;
using Microsoft.Extensions.Logging.Abstractions;
using NSubstitute;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Networking.Istio;
using Serving.Networking.Layers;
using Serving.Networking.Layers.Probing;
using Serving.Tests.ConfigMaps;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio.DataPlane;

/// <summary>Requests through a data plane that is configured by what the module makes of Ingresses, which it has probed before.</summary>
[Category("Slow")]
[Parallelizable]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IstioDataPlaneTests
{
    private const string Host = "hello.default.example.com";
    private const string LocalHost = "hello.default.svc.cluster.local";
    private const string LocalGateway = "knative-local-gateway.istio-system.svc.cluster.local";

    private readonly InMemoryCluster _cluster = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly List<EchoBackend> _backends = [];
    private LiveConfig _config = null!;
    private IstioStandIn _gateway = null!;
    private Task _running = Task.CompletedTask;

    [SetUp]
    public async Task StartAsync()
    {
        IstioWorld.PutIstio(_cluster);
        _gateway = new IstioStandIn(_cluster);
        await _gateway.StartAsync();
        PutEndpoints("istio-ingressgateway", ("http2", 80), ("https", 443));
        PutEndpoints("knative-local-gateway", ("http2", 8081), ("https", 8444));
        _gateway.Resolve(LocalGateway, _gateway.At(8081));
        _config = new LiveConfig(_cluster);
        var discovery = Substitute.For<IResourceDiscovery>();
        discovery.FindAsync("", "", default).ReturnsForAnyArgs(Resources.Secrets);
        var module = new IstioModule(
            new LayerContext(
                _cluster,
                discovery,
                _config.Store,
                IstioWorld.Environment,
                new HttpIngressProbe(TimeProvider.System),
                _config.Events,
                NullLoggerFactory.Instance,
                TimeProvider.System
            )
        );
        _running = module.RunAsync(_cluster, _stop.Token);
    }

    [TearDown]
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await _gateway.DisposeAsync();
        foreach (var backend in _backends)
        {
            await backend.DisposeAsync();
        }

        _config.Dispose();
        _stop.Dispose();
    }

    [Test]
    public async Task Traffic_is_split_by_weight_and_each_share_has_its_headers()
    {
        await BackendAsync("one");
        await BackendAsync("two");
        await ReadyAsync(Rule(Host, Path(Split("one", 25), Split("two", 75)) with { AppendHeaders = Headers("All", "yes") }));

        var echoes = new List<Echo>();
        for (var i = 0; i < 100; i++)
        {
            echoes.Add(await AskAsync(80, Host));
        }

        echoes
            .GroupBy(static echo => echo.Backend)
            .ToDictionary(static group => group.Key, static group => group.Count())
            .Should()
            .BeEquivalentTo(new Dictionary<string, int> { ["one"] = 25, ["two"] = 75 });
        echoes.Should().OnlyContain(static echo => echo.Headers["Which"] == echo.Backend && echo.Headers["All"] == "yes");
        echoes.Should().OnlyContain(static echo => !echo.Headers.ContainsKey("K-Network-Hash"), "only probes are told the version");
        echoes.Should().OnlyContain(static echo => echo.Host == Host);
    }

    [Test]
    public async Task A_tag_header_leads_to_its_revision_and_any_other_to_the_default()
    {
        await BackendAsync("tagged");
        await BackendAsync("default");
        await ReadyAsync(
            Rule(
                Host,
                Path(Split("tagged")) with
                {
                    Headers = new Dictionary<string, HeaderMatch> { ["Knative-Serving-Tag"] = new() { Exact = "v2" } },
                },
                Path(Split("default")) with
                {
                    AppendHeaders = Headers("Knative-Serving-Default-Route", "true"),
                }
            )
        );

        (await AskAsync(80, Host, headers: ("Knative-Serving-Tag", "v2"))).Backend.Should().Be("tagged");
        var other = await AskAsync(80, Host, headers: ("Knative-Serving-Tag", "v3"));
        other.Backend.Should().Be("default");
        other.Headers.Should().Contain("Knative-Serving-Default-Route", "true");
    }

    [Test]
    public async Task The_longest_prefix_of_a_path_that_comes_first_is_taken()
    {
        await BackendAsync("foo");
        await BackendAsync("root");
        await ReadyAsync(Rule(Host, Path(Split("foo")) with { Path = "/foo" }, Path(Split("root"))));

        (await AskAsync(80, Host, "/foo/bar")).Should().Match<Echo>(static echo => echo.Backend == "foo" && echo.Path == "/foo/bar");
        (await AskAsync(80, Host, "/bar")).Backend.Should().Be("root");
    }

    [Test]
    public async Task A_cluster_local_host_is_served_by_all_its_names_and_not_outside()
    {
        await BackendAsync("inner");
        await BackendAsync("outer");
        await ReadyAsync(Rule(LocalHost, Path(Split("inner"))) with { Visibility = "ClusterLocal" }, Rule(Host, Path(Split("outer"))));

        foreach (var name in (string[])["hello.default", "hello.default.svc", LocalHost, $"{LocalHost}:80"])
        {
            (await AskAsync(8081, name)).Backend.Should().Be("inner", "{0} is a name of it", name);
        }

        (await StatusAsync(80, LocalHost)).Should().Be(HttpStatusCode.NotFound);
        (await StatusAsync(80, "hello.default")).Should().Be(HttpStatusCode.NotFound);
        (await AskAsync(80, Host)).Backend.Should().Be("outer");
    }

    [Test]
    public async Task A_certificate_is_presented_to_clients_and_HTTP_is_redirected()
    {
        await BackendAsync("secure");
        using var authority = new TestAuthority();
        _cluster.Put(Resources.Secrets, authority.Secret("default", "route-cert", Host));

        await ReadyAsync(
            "hello",
            new IngressSpec
            {
                HttpOption = "Redirected",
                Rules = [Rule(Host, Path(Split("secure")))],
                Tls =
                [
                    new IngressTls
                    {
                        Hosts = [Host],
                        SecretName = "route-cert",
                        SecretNamespace = "default",
                    },
                ],
            }
        );

        using var https = ClientTo(443, authority);
        (await https.GetStringAsync($"https://{Host}/")).Should().Contain("secure");
        using var http = ClientTo(80);
        var redirect = await http.GetAsync(new Uri($"http://{Host}/x"));
        redirect.StatusCode.Should().Be(HttpStatusCode.MovedPermanently);
        redirect.Headers.Location!.ToString().Should().Be($"https://{Host}/x");
    }

    [Test]
    public async Task A_mapped_domain_leads_to_the_Service_through_the_local_gateway()
    {
        await BackendAsync("hello-00001");
        await ReadyAsync(Rule(LocalHost, Path(Split("hello-00001"))) with { Visibility = "ClusterLocal" });

        // The placeholder Service of the Route: an ExternalName of the private address in the status.
        var target = _cluster.Find(Resources.Ingresses, "default", "hello")!.Status.PrivateLoadBalancer!.Ingress[0].DomainInternal;
        target.Should().Be(LocalGateway);
        _gateway.Resolve(LocalHost, _gateway.At(8081));
        await ReadyAsync(
            "shop.example.org",
            new IngressSpec
            {
                HttpOption = "Enabled",
                Rules =
                [
                    Rule(
                        "shop.example.org",
                        Path(Split("hello")) with
                        {
                            RewriteHost = LocalHost,
                            AppendHeaders = Headers("K-Original-Host", "shop.example.org"),
                        }
                    ),
                ],
            }
        );

        var echo = await AskAsync(80, "shop.example.org");

        echo.Backend.Should().Be("hello-00001");
        echo.Host.Should().Be(LocalHost);
        echo.Headers.Should().Contain("K-Original-Host", "shop.example.org");
    }

    [Test]
    public async Task An_Ingress_is_not_ready_before_the_gateways_have_its_newest_version()
    {
        await BackendAsync("one");
        await BackendAsync("two");
        await ReadyAsync(Rule(Host, Path(Split("one"))));

        _gateway.IsBehind = true;
        await PutAsync("hello", new IngressSpec { HttpOption = "Enabled", Rules = [Rule(Host, Path(Split("two")))] });
        await Eventually.HoldsAsync(() => IsReady("hello").Should().BeFalse());
        await Task.Delay(TimeSpan.FromSeconds(1));
        IsReady("hello").Should().BeFalse("the gateways respond with the version before");
        (await AskAsync(80, Host)).Backend.Should().Be("one");

        _gateway.IsBehind = false;
        await Eventually.HoldsAsync(() => IsReady("hello").Should().BeTrue());
        (await AskAsync(80, Host)).Backend.Should().Be("two");
    }

    [Test]
    public async Task A_backend_without_pods_keeps_an_Ingress_from_being_ready()
    {
        await PutAsync("hello", new IngressSpec { HttpOption = "Enabled", Rules = [Rule(Host, Path(Split("missing")))] });
        await Task.Delay(TimeSpan.FromSeconds(1));
        IsReady("hello").Should().BeFalse();

        await BackendAsync("missing");
        await Eventually.HoldsAsync(() => IsReady("hello").Should().BeTrue());
    }

    private static IReadOnlyDictionary<string, string> Headers(string name, string value) =>
        new Dictionary<string, string> { [name] = value };

    private static IngressBackendSplit Split(string service, int percent = 100) =>
        new()
        {
            ServiceNamespace = "default",
            ServiceName = service,
            ServicePort = 80,
            Percent = percent,
            AppendHeaders = Headers("Which", service),
        };

    private static HttpIngressPath Path(params IngressBackendSplit[] splits) => new() { Splits = splits };

    private static IngressRule Rule(string host, params HttpIngressPath[] paths) =>
        new()
        {
            Hosts = [host],
            Visibility = "ExternalIP",
            Http = new HttpIngressRuleValue { Paths = paths },
        };

    private async Task BackendAsync(string name)
    {
        var backend = new EchoBackend(name);
        await backend.StartAsync();
        _backends.Add(backend);
        _gateway.Resolve($"{name}.default.svc.cluster.local", backend.Address);
    }

    private Task ReadyAsync(params IngressRule[] rules) => ReadyAsync("hello", new IngressSpec { HttpOption = "Enabled", Rules = rules });

    private async Task ReadyAsync(string name, IngressSpec spec)
    {
        await PutAsync(name, spec);
        await Eventually.HoldsAsync(() => IsReady(name).Should().BeTrue());
    }

    private bool IsReady(string name) =>
        _cluster.Find(Resources.Ingresses, "default", name) is { } ingress && IngressLifecycle.IsReady(ingress);

    private async Task PutAsync(string name, IngressSpec spec)
    {
        while (_cluster.Find(Resources.Ingresses, "default", name) is { } existing)
        {
            try
            {
                await _cluster.UpdateAsync(Resources.Ingresses, existing with { Spec = spec }, CancellationToken.None);
                return;
            }
            catch (KubernetesException newer) when (newer.IsConflict)
            {
                // The module wrote the status in between.
            }
        }

        _cluster.Put(
            Resources.Ingresses,
            new Ingress
            {
                ApiVersion = Resources.Ingresses.ApiVersion,
                Kind = "Ingress",
                Metadata = new ObjectMeta
                {
                    Namespace = "default",
                    Name = name,
                    Annotations = IstioWorld.OfClass(NetworkingKeys.IstioIngressClass),
                },
                Spec = spec,
            }
        );
    }

    private void PutEndpoints(string service, params (string Name, int Port)[] ports) =>
        _cluster.Put(
            Resources.Endpoints,
            new Endpoints
            {
                ApiVersion = "v1",
                Kind = "Endpoints",
                Metadata = new ObjectMeta { Namespace = "istio-system", Name = service },
                Subsets =
                [
                    new EndpointSubset
                    {
                        Addresses = [new EndpointAddress { Ip = "127.0.0.1" }],
                        Ports = [.. ports.Select(port => new EndpointPort { Name = port.Name, Port = _gateway.At(port.Port).Port })],
                    },
                ],
            }
        );

    private async Task<Echo> AskAsync(int port, string host, string path = "/", params (string Name, string Value)[] headers)
    {
        using var client = ClientTo(port);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"http://{host}{path}");
        foreach (var (name, value) in headers)
        {
            request.Headers.Add(name, value);
        }

        using var response = await client.SendAsync(request);
        response.StatusCode.Should().Be(HttpStatusCode.OK);
        return JsonSerializer.Deserialize<Echo>(await response.Content.ReadAsStringAsync())!;
    }

    private async Task<HttpStatusCode> StatusAsync(int port, string host)
    {
        using var client = ClientTo(port);
        using var response = await client.GetAsync(new Uri($"http://{host}/"));
        return response.StatusCode;
    }

    /// <summary>A client whose connections all lead to a port of the gateway; it trusts the authority alone.</summary>
    private HttpClient ClientTo(int port, TestAuthority? authority = null)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseProxy = false,
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
                await socket.ConnectAsync(_gateway.At(port), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            },
        };
        if (authority is not null)
        {
            handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
            };
            handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authority.Roots);
        }

        return new HttpClient(handler);
    }
}

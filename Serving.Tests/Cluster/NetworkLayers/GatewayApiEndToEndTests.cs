using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.GatewayApi;
using Serving.Kubernetes.Client;
using Serving.Tests.Cluster.EndToEnd;
using Serving.Tests.Networking.GatewayApi;
using Serving.Tests.Networking.GatewayApi.DataPlane;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.NetworkLayers;

/// <summary>
/// A local cluster whose Services are all of the class of the Gateway API, and a stand-in for its data plane that serves only what
/// HTTPRoutes, listeners and grants say. The module has the rights of its component, and no others.
/// </summary>
[Category("Slow")]
[NonParallelizable]
public sealed class GatewayApiEndToEndTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(90);

    private LocalClusterHarness _cluster = null!;
    private GatewayDataPlane _dataPlane = null!;
    private TestIssuer _issuer = null!;
    private HttpClient _plain = null!;
    private HttpClient _tls = null!;
    private HttpClient _local = null!;
    private string _domain = null!;
    private string _ns = null!;

    [OneTimeSetUp]
    public async Task StartAsync()
    {
        TestCluster.NeedsLocalCluster("it needs a data plane in the process of the test");
        _cluster = await LocalClusterHarness.StartAsync();
        _dataPlane = new GatewayDataPlane(_cluster.Client);
        await _dataPlane.StartAsync();
        await _cluster.ApplyAsync(await File.ReadAllTextAsync(GatewayApiDefinitions.Path));
        await _cluster.ApplyAsync(await File.ReadAllTextAsync(Repository.PathOf("deploy", "components", "gateway-api", "role.yaml")));
        await Eventually.HoldsAsync(() => _cluster.ApplyAsync(Edge()), Limit);
        _dataPlane.Follow();
        _issuer = new TestIssuer(_cluster.Client);
        await _cluster.ConfigureAsync(
            "config-gateway",
            ("external-gateways", "[{class: stand-in, gateway: edge/external, service: edge/external}]"),
            ("local-gateways", "[{class: stand-in, gateway: edge/local, service: edge/local}]")
        );
        await _cluster.ConfigureAsync(
            "config-network",
            ("ingress-class", "gateway-api.ingress.networking.knative.dev"),
            ("certificate-class", TestIssuer.Class),
            ("external-domain-tls", "Enabled"),
            ("http-protocol", "Redirected"),
            ("autocreate-cluster-domain-claims", "true")
        );
        _ns = await _cluster.CreateNamespaceAsync();
        _domain = await _cluster.DomainAsync();
        (_plain, _tls, _local) = (To(_dataPlane.ExternalHttp), To(_dataPlane.ExternalHttps), To(_dataPlane.LocalHttp));
    }

    [OneTimeTearDown]
    public async Task StopAsync()
    {
        foreach (var client in (HttpClient?[])[_plain, _tls, _local])
        {
            client?.Dispose();
        }

        if (_issuer is not null)
        {
            await _issuer.DisposeAsync();
        }

        if (_dataPlane is not null)
        {
            await _dataPlane.DisposeAsync();
        }

        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }

    [Test]
    public async Task A_Service_is_served_by_HTTPS_outside_and_plainly_inside_and_nowhere_else()
    {
        await DeployAsync("secure", "one", annotations: "");
        var (outside, inside) = ($"secure.{_ns}.{_domain}", $"secure.{_ns}.svc.cluster.local");

        (await GetAsync(_tls, "https", outside)).Should().Be((HttpStatusCode.OK, "Hello one!"));
        (await GetAsync(_local, "http", inside)).Should().Be((HttpStatusCode.OK, "Hello one!"));
        (await GetAsync(_local, "http", $"secure.{_ns}")).Should().Be((HttpStatusCode.OK, "Hello one!"));
        (await GetAsync(_plain, "http", inside)).Status.Should().Be(HttpStatusCode.NotFound);
        (await GetAsync(_local, "http", outside)).Status.Should().Be(HttpStatusCode.NotFound);
        using var redirect = await _plain.GetAsync(new Uri($"http://{outside}/path?query"));
        redirect.StatusCode.Should().Be(HttpStatusCode.MovedPermanently);
        redirect.Headers.Location.Should().Be(new Uri($"https://{outside}/path?query"));
    }

    [Test]
    public async Task Traffic_is_split_and_tags_have_hosts_of_their_own()
    {
        await DeployAsync("split", "one");
        await DeployAsync(
            "split",
            "two",
            traffic: "{revisionName: split-one, percent: 50, tag: old}, {revisionName: split-two, percent: 50}"
        );
        var host = $"split.{_ns}.{_domain}";

        var seen = new List<string>();
        for (var request = 0; request < 60; request++)
        {
            seen.Add((await GetAsync(_plain, "http", host)).Body);
        }

        seen.GroupBy(static body => body)
            .ToDictionary(static group => group.Key, static group => group.Count())
            .Values.Should()
            .HaveCount(2)
            .And.OnlyContain(static count => count > 10);
        (await GetAsync(_plain, "http", $"old-{host}")).Should().Be((HttpStatusCode.OK, "Hello one!"));
    }

    [Test]
    public async Task A_rollout_to_a_new_Revision_fails_no_request()
    {
        await DeployAsync("rollout", "one");
        var host = $"rollout.{_ns}.{_domain}";
        using var stop = new CancellationTokenSource();
        var failures = new ConcurrentQueue<string>();
        var bodies = new ConcurrentDictionary<string, int>();
        var traffic = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                var (status, body) = await GetAsync(_plain, "http", host);
                bodies.AddOrUpdate(body, 1, static (_, count) => count + 1);
                if (status != HttpStatusCode.OK)
                {
                    failures.Enqueue($"{status} {body}");
                }
            }
        });

        await DeployAsync("rollout", "two");
        await DeployAsync("rollout", "three");
        await Eventually.HoldsAsync(() => bodies.Keys.Should().Contain("Hello three!"), Limit);
        await stop.CancelAsync();
        await traffic;

        failures.Should().BeEmpty();
        bodies.Keys.Should().BeSubsetOf(["Hello one!", "Hello two!", "Hello three!"]);
    }

    [Test]
    public async Task A_Service_moves_from_the_built_in_gateway_to_the_Gateway_API_and_back_without_a_failed_request()
    {
        const string builtIn = "gateway.ingress.networking.knative.dev";
        await DeployAsync("moving", "one", annotations: $"{PlainHttp}, networking.knative.dev/ingress-class: {builtIn}");
        var host = $"moving.{_ns}.{_domain}";
        using var stop = new CancellationTokenSource();
        var failures = new ConcurrentQueue<string>();
        var served = new ConcurrentDictionary<string, int>();
        var traffic = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                // As a client that follows DNS, which names the address in the status of the Ingress.
                var address = await AddressAsync("moving");
                var (status, body) = await AtAsync(address, host);
                if (status == HttpStatusCode.OK)
                    served.AddOrUpdate(address, 1, static (_, count) => count + 1);
                else if (await AddressAsync("moving") == address)
                    failures.Enqueue($"{address}: {status} {body}");
            }
        });

        await MoveAsync("moving", "null");
        await Eventually.HoldsAsync(() => served.Keys.Should().Contain("external.edge.svc.cluster.local"), Limit);
        await MoveAsync("moving", $"\"{builtIn}\"");
        await Eventually.HoldsAsync(
            async () => (await AddressAsync("moving")).Should().Be("gateway.knative-serving.svc.cluster.local"),
            Limit
        );
        var before = served["gateway.knative-serving.svc.cluster.local"];
        await Eventually.HoldsAsync(() => served["gateway.knative-serving.svc.cluster.local"].Should().BeGreaterThan(before + 20), Limit);
        await stop.CancelAsync();
        await traffic;

        failures.Should().BeEmpty();
        await Eventually.HoldsAsync(
            async () => (await GetAsync(_plain, "http", host)).Status.Should().Be(HttpStatusCode.NotFound, "the layer before has let go"),
            Limit
        );
    }

    [Test]
    public async Task A_cluster_local_Service_is_not_outside()
    {
        await DeployAsync("inner", "one", labels: "networking.knative.dev/visibility: cluster-local");

        (await GetAsync(_local, "http", $"inner.{_ns}.svc.cluster.local")).Should().Be((HttpStatusCode.OK, "Hello one!"));
        (await GetAsync(_plain, "http", $"inner.{_ns}.svc.cluster.local")).Status.Should().Be(HttpStatusCode.NotFound);
        (await GetAsync(_plain, "http", $"inner.{_ns}.{_domain}")).Status.Should().Be(HttpStatusCode.NotFound);
    }

    [Test]
    public async Task A_mapped_domain_leads_through_the_local_Gateway()
    {
        await DeployAsync("mapped", "one");
        var host = $"shop-{_ns}.example.org";
        await _cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1beta1
            kind: DomainMapping
            metadata: {name: {{host}}, namespace: {{_ns}}, annotations: { {{PlainHttp}} } }
            spec: {ref: {name: mapped, kind: Service, apiVersion: serving.knative.dev/v1} }
            """
        );

        await Eventually.HoldsAsync(
            async () => (await GetAsync(_plain, "http", host)).Should().Be((HttpStatusCode.OK, "Hello one!")),
            Limit
        );
        await Eventually.HoldsAsync(
            async () =>
                (await _cluster.Client.GetAsync(Resources.DomainMappings, _ns, host, CancellationToken.None))
                    .Status.Conditions.Should()
                    .Contain(static condition => condition.Type == "Ready" && condition.Status == "True"),
            Limit
        );
    }

    [Test]
    public async Task A_program_that_speaks_HTTP_2_only_is_called_by_the_protocol_of_its_port()
    {
        await _cluster.ApplyAsync(
            new ServiceManifest("http2")
            {
                RevisionName = "http2-one",
                Annotations = PlainHttp,
                Environment = [("HTTP2_ONLY", "true"), ("TEXT", "Hello, HTTP/2!")],
                Container = "ports: [{name: h2c, containerPort: 8080}]",
            }.ToService(_ns, _cluster.ProgramImage)
        );
        await ReadyAsync("http2", "http2-one");

        (await GetAsync(_plain, "http", $"http2.{_ns}.{_domain}")).Should().Be((HttpStatusCode.OK, "Hello, HTTP/2!"));
    }

    [Test]
    public async Task A_deleted_Service_leaves_nothing_behind()
    {
        await DeployAsync("leaving", "one", annotations: "");
        var host = $"leaving.{_ns}.{_domain}";
        (await GatewayAsync()).Spec.Listeners.Should().Contain(listener => listener.Hostname == host);

        await _cluster.Client.DeleteAsync(Resources.KnativeServices, _ns, "leaving", CancellationToken.None);

        await Eventually.HoldsAsync(
            async () =>
            {
                (await GatewayAsync()).Spec.Listeners.Should().NotContain(listener => listener.Hostname == host);
                (await _cluster.Client.ListAsync(GatewayApiResources.HttpRoutes, _ns, null, CancellationToken.None))
                    .Items.Should()
                    .NotContain(route => route.Spec.Hostnames.Contains(host));
                (await GetAsync(_plain, "http", host)).Status.Should().Be(HttpStatusCode.NotFound);
            },
            Limit
        );
    }

    private const string PlainHttp =
        "networking.knative.dev/disable-external-domain-tls: \"true\", networking.knative.dev/http-protocol: Enabled";

    /// <summary>Deploys a version of a Service, named after what it says, and waits until it is ready.</summary>
    private async Task DeployAsync(string name, string says, string annotations = PlainHttp, string labels = "", string traffic = "")
    {
        await _cluster.ApplyAsync(
            new ServiceManifest(name)
            {
                RevisionName = $"{name}-{says}",
                Annotations = annotations,
                Labels = labels,
                Environment = [("TARGET", says)],
                Traffic = traffic,
            }.ToService(_ns, _cluster.HelloImage)
        );
        await ReadyAsync(name, $"{name}-{says}");
    }

    private Task ReadyAsync(string name, string revision) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var service = await _cluster.Client.GetAsync(Resources.KnativeServices, _ns, name, CancellationToken.None);
                service.Status.LatestReadyRevisionName.Should().Be(revision);
                service.Status.ObservedGeneration.Should().Be(service.Metadata.Generation);
                service.Status.Conditions.Should().Contain(static condition => condition.Type == "Ready" && condition.Status == "True");
            },
            Limit
        );

    /// <summary>Sets the class of a Service; null for the one of config-network.</summary>
    private Task MoveAsync(string name, string ingressClass) =>
        _cluster.Client.PatchAsync(
            Resources.KnativeServices,
            _ns,
            name,
            new Patch(
                PatchType.Merge,
                $$"""{"metadata": {"annotations": {"networking.knative.dev/ingress-class": {{ingressClass}} } } }"""
            ),
            CancellationToken.None
        );

    private async Task<string> AddressAsync(string name) =>
        (await _cluster.Client.GetAsync(Resources.Ingresses, _ns, name, CancellationToken.None))
            .Status
            .PublicLoadBalancer!
            .Ingress[0]
            .DomainInternal;

    private async Task<(HttpStatusCode Status, string Body)> AtAsync(string address, string host)
    {
        if (address == "external.edge.svc.cluster.local")
            return await GetAsync(_plain, "http", host);
        var (status, body) = await _cluster.GetAsync(host);
        return (status, body.Trim());
    }

    private Task<KubernetesGateway> GatewayAsync() =>
        _cluster.Client.GetAsync(GatewayApiResources.Gateways, "edge", "external", CancellationToken.None);

    private static async Task<(HttpStatusCode Status, string Body)> GetAsync(HttpClient client, string scheme, string host)
    {
        using var response = await client.GetAsync(new Uri($"{scheme}://{host}/"));
        return (response.StatusCode, (await response.Content.ReadAsStringAsync()).Trim());
    }

    /// <summary>A client that connects to one listener whatever the host, and trusts only the issuer of the test.</summary>
    private HttpClient To(IPEndPoint listener) =>
        new(
            new SocketsHttpHandler
            {
                UseProxy = false,
                AllowAutoRedirect = false,
                PooledConnectionLifetime = TimeSpan.Zero,
                SslOptions = new SslClientAuthenticationOptions
                {
                    RemoteCertificateValidationCallback = (_, certificate, chain, errors) =>
                    {
                        chain!.ChainPolicy.TrustMode = System.Security.Cryptography.X509Certificates.X509ChainTrustMode.CustomRootTrust;
                        chain.ChainPolicy.CustomTrustStore.AddRange(_issuer.Signer.Roots);
                        return certificate is not null
                            && (errors & SslPolicyErrors.RemoteCertificateNameMismatch) == 0
                            && chain.Build(new System.Security.Cryptography.X509Certificates.X509Certificate2(certificate));
                    },
                },
                ConnectCallback = async (_, cancellation) =>
                {
                    var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                    await socket.ConnectAsync(listener, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                },
            }
        )
        {
            Timeout = TimeSpan.FromSeconds(60),
        };

    /// <summary>The Gateways, and the Services in front of the stand-in.</summary>
    private string Edge()
    {
        string Gateway(string name) =>
            $$"""
                apiVersion: gateway.networking.k8s.io/v1
                kind: Gateway
                metadata: {name: {{name}}, namespace: edge}
                spec:
                  gatewayClassName: stand-in
                  listeners: [{name: http, port: 80, protocol: HTTP, allowedRoutes: {namespaces: {from: All} } }]
                ---
                apiVersion: v1
                kind: Service
                metadata: {name: {{name}}, namespace: edge}
                spec: {ports: [{name: http, port: 80}, {name: https, port: 443}]}
                ---

                """;
        string Pods(string name, IPEndPoint http, IPEndPoint https) =>
            $$"""
                apiVersion: v1
                kind: Endpoints
                metadata: {name: {{name}}, namespace: edge}
                subsets:
                - addresses: [{ip: {{http.Address}}}]
                  ports: [{name: http, port: {{http.Port}}}, {name: https, port: {{https.Port}}}]
                ---

                """;
        return "apiVersion: v1\nkind: Namespace\nmetadata: {name: edge}\n---\n"
            + Gateway("external")
            + Gateway("local")
            + Pods("external", _dataPlane.ExternalHttp, _dataPlane.ExternalHttps)
            + Pods("local", _dataPlane.LocalHttp, _dataPlane.ExternalHttps);
    }
}

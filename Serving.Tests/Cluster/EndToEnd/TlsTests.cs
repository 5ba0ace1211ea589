using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.WellKnown;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>
/// External, cluster-local and system-internal TLS, all enabled, on a cluster whose gateway has HTTPS.
/// The test issues the certificates.
/// </summary>
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Category("Slow")]
public sealed class TlsTests : EndToEndTests
{
    private const string WithoutExternalTls = "networking.knative.dev/disable-external-domain-tls: \"true\"";
    private const int SidecarTlsPort = 8112;
    private static readonly (string, string)[] Hello = [("TEXT", "Hello, TLS!")];

    private static readonly Lazy<Task<(TestCluster Cluster, TestIssuer Issuer)>> Started = new(StartClusterAsync);

    [OneTimeTearDown]
    public static async Task StopClusterAsync()
    {
        if (Started is { IsValueCreated: true, Value.IsCompletedSuccessfully: true })
        {
            var (cluster, issuer) = await Started.Value;
            await issuer.DisposeAsync();
            await cluster.DisposeAsync();
        }
    }

    private protected override async Task<TestCluster> OpenAsync() => (await Started.Value).Cluster;

    // Set before any test starts.
    private static TestIssuer Issuer => Started.Value.Result.Issuer;

    [Test]
    public async Task A_Service_and_its_tags_are_served_over_HTTPS_once_their_certificates_are_there()
    {
        var manifest = new ServiceManifest("secure") { Environment = Hello };
        await StartAsync(manifest);
        await EventuallyAsync(async () =>
            (await GetAsync(Resources.KnativeServices, "secure")).Status.Url.Should().Be($"https://{HostOf("secure")}")
        );
        (await CallByTlsAsync(HostOf("secure"))).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));

        await ApplyAsync(
            manifest with
            {
                Traffic = "{tag: r, latestRevision: true, percent: 50}, {tag: b, latestRevision: true, percent: 50}",
            }
        );
        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.Routes, "secure")).Status;
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
            status.Traffic.Should().HaveCount(2).And.OnlyContain(target => target.Url.StartsWith("https://", StringComparison.Ordinal));
        });
        foreach (var target in (await GetAsync(Resources.Routes, "secure")).Status.Traffic)
        {
            (await CallByTlsAsync(new Uri(target.Url).Host)).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));
        }
    }

    [Test]
    public async Task A_Service_may_do_without_a_certificate()
    {
        var service = await StartAsync(new("plain") { Annotations = WithoutExternalTls });

        service.Status.Url.Should().Be($"http://{HostOf("plain")}");
        ConditionOf((await GetAsync(Resources.Routes, "plain")).Status, "CertificateProvisioned")
            .Should()
            .Match<Condition>(condition => condition.Status == "True");
        (await GetAsync(Resources.Ingresses, "plain"))
            .Spec.Tls.SelectMany(tls => tls.Hosts)
            .Should()
            .NotContain(HostOf("plain"), "only its name inside has one");
        (await CallAsync("plain")).Should().Be((HttpStatusCode.OK, "Hello!"));
    }

    [Test]
    public async Task A_Service_may_send_clients_of_plain_HTTP_to_HTTPS()
    {
        await StartAsync(new("redirected") { Annotations = "networking.knative.dev/http-protocol: redirected" });

        await EventuallyAsync(async () =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, "/some/path?and=query")
            {
                Headers = { Host = HostOf("redirected") },
            };
            using var response = await Cluster.Gateway.SendAsync(request);
            (response.StatusCode, response.Headers.Location)
                .Should()
                .Be((HttpStatusCode.MovedPermanently, new Uri($"https://{HostOf("redirected")}/some/path?and=query")));
        });
    }

    [Test]
    public async Task A_domain_is_mapped_with_a_certificate_that_is_issued_for_it()
    {
        await StartAsync(new("mapped") { Annotations = WithoutExternalTls, Environment = Hello });
        var domain = $"dm.{Namespace}.example.com";

        await MapAsync(domain, "mapped", "");

        (await CallByTlsAsync(domain)).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));
    }

    [Test]
    public async Task A_domain_is_mapped_with_a_certificate_that_its_user_brings()
    {
        await StartAsync(new("brought") { Environment = Hello });
        var domain = $"brought.{Namespace}.example.org";
        using var own = new TestAuthority("user");
        await Cluster.Client.CreateAsync(
            Resources.Secrets,
            own.Secret(Namespace, "byo-cert", domain) with
            {
                Type = "kubernetes.io/tls",
            },
            CancellationToken.None
        );

        await MapAsync(domain, "brought", ", tls: {secretName: byo-cert}");

        (await CallByTlsAsync(domain, own)).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));
    }

    [Test]
    public async Task A_private_Service_is_called_over_TLS_by_each_form_of_its_name()
    {
        var service = await StartAsync(
            new("inside") { Labels = $"{NetworkingKeys.Visibility}: {NetworkingKeys.ClusterLocal}", Environment = Hello }
        );
        await EventuallyAsync(async () => (await GetAsync(Resources.KnativeServices, "inside")).Status.Url.Should().StartWith("https://"));

        await CalledByTlsFromInsideAsync(new Uri(service.Status.Url).Host);

        (await Cluster.GetAsync(new Uri(service.Status.Url).Host)).Status.Should().Be(HttpStatusCode.NotFound);
    }

    [Test]
    public async Task A_public_Service_is_called_over_TLS_from_inside()
    {
        var service = await StartAsync(new("both") { Annotations = WithoutExternalTls, Environment = Hello });
        service.Status.Url.Should().StartWith("http://");
        await EventuallyAsync(async () =>
            (await GetAsync(Resources.KnativeServices, "both")).Status.Address!.Url.Should().StartWith("https://")
        );
        (await CallAsync("both")).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));

        await CalledByTlsFromInsideAsync(new Uri(service.Status.Address!.Url).Host);
    }

    [Test]
    public async Task A_request_reaches_the_sidecar_over_TLS()
    {
        Kubectl.Require();
        await StartAsync(new("logged") { Annotations = WithoutExternalTls, Scaling = [("min-scale", "1")] });
        (await CallAsync("logged")).Status.Should().Be(HttpStatusCode.OK);

        var pod = (await PodsAsync("logged-00001")).First().Metadata.Name;
        await EventuallyAsync(async () =>
        {
            var (code, log) = await Kubectl.RunAsync("kubectl", ["logs", "-n", Namespace, pod, "-c", "queue-proxy"], Cluster.Kubeconfig);
            code.Should().Be(0, log);
            log.Split('\n').Should().Contain(line => line.StartsWith("TLS: {", StringComparison.Ordinal));
        });
    }

    [Test]
    public async Task A_request_reaches_the_sidecar_over_TLS_without_an_activator_between()
    {
        await StartAsync(
            new("served")
            {
                Annotations = WithoutExternalTls,
                Scaling = [("min-scale", "1"), ("target-burst-capacity", "0")],
                Environment = Hello,
            }
        );

        await EventuallyAsync(async () => (await GetAsync(Resources.ServerlessServices, "served-00001")).Spec.Mode.Should().Be("Serve"));
        (await CallAsync("served")).Should().Be((HttpStatusCode.OK, "Hello, TLS!"));
    }

    [Test]
    public async Task A_certificate_of_the_sidecar_that_is_replaced_is_used_and_no_request_fails()
    {
        await StartAsync(new("rotated") { Annotations = WithoutExternalTls, Scaling = [("min-scale", "1")] });
        (await CallAsync("rotated")).Status.Should().Be(HttpStatusCode.OK);
        var pod = (await PodsAsync("rotated-00001")).First().Status!.PodIP;
        var first = await CertificateOfAsync(pod);

        // No trust bundle exists meanwhile: the last CA of a deleted Secret stays in use.
        await using var load = LoadOf("rotated", 1, "/");

        await Cluster.Client.DeleteAsync(Resources.Secrets, Namespace, "serving-certs", CancellationToken.None);
        await EventuallyAsync(async () => (await CertificateOfAsync(pod)).Should().NotBe(first));

        await Cluster.Client.DeleteAsync(Resources.Secrets, TestCluster.SystemNamespace, "routing-serving-certs", CancellationToken.None);
        await EventuallyAsync(async () =>
            (await Cluster.Client.GetAsync(Resources.Secrets, TestCluster.SystemNamespace, "routing-serving-certs", CancellationToken.None))
                .Should()
                .NotBeNull()
        );
        (await CallAsync("rotated")).Status.Should().Be(HttpStatusCode.OK);
    }

    [Test]
    public async Task Requests_under_way_over_TLS_end_well_though_their_pod_is_deleted()
    {
        await StartAsync(
            new("busy")
            {
                Annotations = WithoutExternalTls,
                Spec = "timeoutSeconds: 300",
                Scaling = [("target", "100")],
            }
        );
        var pod = (await CallAsync("busy", "/host")).Body;

        var answers = await Task.WhenAll(
            Enumerable
                .Range(0, 6)
                .Select(_ =>
                    Cluster.Gateway.SendAsync(
                        new HttpRequestMessage(HttpMethod.Get, "/wait?after=6000") { Headers = { Host = HostOf("busy") } },
                        HttpCompletionOption.ResponseHeadersRead
                    )
                )
        );
        await Cluster.Client.DeleteAsync(Resources.Pods, Namespace, pod, CancellationToken.None);

        (await Task.WhenAll(answers.Select(answer => answer.Content.ReadAsStringAsync()))).Should().OnlyContain(body => body == "waited\n");
    }

    private static async Task<(TestCluster, TestIssuer)> StartClusterAsync()
    {
        var cluster = await TestCluster.OpenWithHttpsAsync();
        var issuer = new TestIssuer(cluster.Client);
        try
        {
            await ConfigureAsync(cluster);
            return (cluster, issuer);
        }
        catch
        {
            await issuer.DisposeAsync();
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static async Task ConfigureAsync(TestCluster cluster)
    {
        var certificate = (await File.ReadAllTextAsync(Repository.PathOf("deploy", "tls", "routing-serving-certs.yaml"))).Replace(
            NetworkingKeys.CertManagerCertificateClass,
            TestIssuer.Class,
            StringComparison.Ordinal
        );

        // Rejected until the webhook of the installed control plane is up.
        await Eventually.HoldsAsync(() => cluster.ApplyAsync(certificate), Limit);
        await cluster.ConfigureAsync("config-autoscaler", ("scale-to-zero-grace-period", "6s"));
        await cluster.ConfigureAsync(
            "config-observability",
            ("logging.enable-request-log", "true"),
            ("logging.request-log-template", "TLS: {{.Request.TLS}}")
        );
        await cluster.ConfigureAsync(
            "config-network",
            ("autocreate-cluster-domain-claims", "true"),
            ("certificate-class", TestIssuer.Class),
            ("cluster-local-domain-tls", "Enabled"),
            ("external-domain-tls", "Enabled"),
            ("system-internal-tls", "Enabled")
        );

        // Components apply the settings soon after they are written: until then a Service has no certificate.
        await cluster.ApplyAsync(new ServiceManifest("settled").ToService("default", cluster.ProgramImage));
        await Eventually.HoldsAsync(
            async () =>
                (await cluster.Client.GetAsync(Resources.KnativeServices, "default", "settled", CancellationToken.None))
                    .Status.Url.Should()
                    .StartWith("https://"),
            Limit
        );
        await cluster.WaitForReadyAsync("default", "settled", Limit);
        await cluster.Client.DeleteAsync(Resources.KnativeServices, "default", "settled", CancellationToken.None);
    }

    private async Task MapAsync(string domain, string service, string more)
    {
        await Cluster.ApplyAsync(
            $$"""
            apiVersion: serving.knative.dev/v1beta1
            kind: DomainMapping
            metadata: {name: {{domain}}, namespace: {{Namespace}} }
            spec: {ref: {apiVersion: serving.knative.dev/v1, kind: Service, name: {{service}} }{{more}} }
            """
        );
        await EventuallyAsync(async () =>
        {
            var status = (await GetAsync(Resources.DomainMappings, domain)).Status;
            ConditionOf(status, "Ready").Should().Match<Condition>(ready => ready.Status == "True");
            status.Url.Should().Be($"https://{domain}");
        });
    }

    private async Task<(HttpStatusCode Status, string Body)> CallByTlsAsync(string host, TestAuthority? signer = null)
    {
        using var handler = Cluster.HandlerOfHttpsGateway();
        handler.SslOptions.CertificateChainPolicy = Trusting(signer ?? Issuer.Signer);
        using var client = new HttpClient(handler);
        (HttpStatusCode, string) answer = default;
        await EventuallyAsync(async () =>
        {
            using var response = await client.GetAsync(new Uri($"https://{host}/"));
            answer = (response.StatusCode, await response.Content.ReadAsStringAsync());
        });
        return answer;
    }

    /// <summary>Makes a program call a cluster-local name in all its forms and verify the certificate.</summary>
    private async Task CalledByTlsFromInsideAsync(string host)
    {
        (string, string)[] environment = [("NEXT_AUTHORITY", Issuer.Authority)];
        await StartAsync(
            new("caller")
            {
                Annotations = WithoutExternalTls,
                Environment = await Cluster.InternalGatewayAsync(https: true) is { } gateway
                    ? [.. environment, ("NEXT_ADDRESS", gateway)]
                    : environment,
            }
        );
        foreach (var rest in (string[])["", ".cluster.local", ".svc.cluster.local"])
        {
            host.Should().EndWith(rest);
            await EventuallyAsync(async () =>
                (await CallAsync("caller", $"/next?url={Uri.EscapeDataString($"https://{host[..^rest.Length]}")}"))
                    .Should()
                    .Be((HttpStatusCode.OK, "Hello, TLS!"))
            );
        }
    }

    private static X509ChainPolicy Trusting(TestAuthority signer)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.AddRange(signer.Roots);
        return policy;
    }

    /// <summary>The serial number of a sidecar's certificate.</summary>
    private async Task<string> CertificateOfAsync(string pod)
    {
        TestCluster.NeedsLocalCluster("pods are reached at their own addresses");
        using var connection = new TcpClient();
        await connection.ConnectAsync(pod, SidecarTlsPort);
        await using var stream = new SslStream(connection.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = $"kn-user-{Namespace}", CertificateChainPolicy = Trusting(Issuer.Signer) }
        );
        return ((X509Certificate2)stream.RemoteCertificate!).SerialNumber;
    }
}

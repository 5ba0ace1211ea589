using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using Microsoft.AspNetCore.Http;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Certificates;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Gateway;

[CancelAfter(30_000)]
public sealed class HttpsTests
{
    [Test]
    public async Task Serves_the_certificate_of_the_host_and_a_renewed_one_at_once()
    {
        await using var gateway = await RunningGateway.StartAsync(
            options: RunningGateway.Options with
            {
                Https = new IPEndPoint(IPAddress.Loopback, 0),
            }
        );
        await gateway.RouteAsync(
            "tls.test",
            static context => context.Response.WriteAsync($"{context.Request.Scheme} {context.Request.Headers["X-Forwarded-Proto"]}")
        );
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "tls")!;
        gateway.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = ingress.Spec with
                {
                    HttpOption = "Redirected",
                    Tls =
                    [
                        new IngressTls
                        {
                            Hosts = ["tls.test"],
                            SecretName = "cert",
                            SecretNamespace = "default",
                        },
                    ],
                },
            }
        );
        PutCertificate(gateway.Cluster, "tls.test");
        await gateway.RoutedAsync("tls");

        var (body, first) = await GetAsync(gateway, "tls.test");
        body.Should().Be("http https", "TLS ends at the gateway");

        PutCertificate(gateway.Cluster, "tls.test");
        var (_, second) = await GetAsync(gateway, "tls.test");
        second.Should().NotBe(first);
        using (var collected = new CollectedMetrics(ServedCertificates.MeterName))
        {
            var expiry = collected.Collect()[
                "serving.certificate.expiration.timestamp{purpose=gateway,k8s.namespace.name=default,k8s.secret.name=cert}"
            ];
            DateTimeOffset.FromUnixTimeSeconds((long)expiry).Should().BeAfter(DateTimeOffset.UtcNow);
        }

        var unknown = () => GetAsync(gateway, "other.test");
        await unknown.Should().ThrowAsync<HttpRequestException>();
    }

    [TestCase("deleted")]
    [TestCase("empty")]
    [TestCase("unreadable")]
    public async Task Serves_the_last_good_certificate_of_a_host_until_its_Secret_has_another(string what)
    {
        await using var gateway = await RunningGateway.StartAsync(
            options: RunningGateway.Options with
            {
                Https = new IPEndPoint(IPAddress.Loopback, 0),
            }
        );
        await gateway.RouteAsync("tls.test", static context => context.Response.WriteAsync("ok"));
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "tls")!;
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
                            Hosts = ["tls.test"],
                            SecretName = "cert",
                            SecretNamespace = "default",
                        },
                    ],
                },
            }
        );
        PutCertificate(gateway.Cluster, "tls.test");
        await gateway.RoutedAsync("tls");
        var (_, first) = await GetAsync(gateway, "tls.test");

        var secret = gateway.Cluster.Find(Resources.Secrets, "default", "cert")!;
        if (what == "deleted")
        {
            await gateway.Cluster.DeleteAsync(Resources.Secrets, "default", "cert", CancellationToken.None);
        }
        else
        {
            gateway.Cluster.Put(
                Resources.Secrets,
                secret with
                {
                    Data =
                        what == "empty"
                            ? new Dictionary<string, byte[]>()
                            : new Dictionary<string, byte[]> { ["tls.crt"] = [1], ["tls.key"] = [2] },
                }
            );
        }

        (await GetAsync(gateway, "tls.test")).Should().Be(("ok", first));

        // A new route table keeps it too.
        await gateway.RouteAsync("other.test", static _ => Task.CompletedTask);
        (await GetAsync(gateway, "tls.test")).Should().Be(("ok", first));

        PutCertificate(gateway.Cluster, "tls.test");
        (await GetAsync(gateway, "tls.test")).Thumbprint.Should().NotBe(first);
    }

    [Test]
    public async Task Serves_cluster_local_hosts_by_HTTPS_inside_and_not_outside()
    {
        var anywhere = new IPEndPoint(IPAddress.Loopback, 0);
        await using var gateway = await RunningGateway.StartAsync(
            options: RunningGateway.Options with
            {
                Https = anywhere,
                ClusterLocalHttps = anywhere,
            }
        );
        const string Host = "inner.default.svc.cluster.local";
        await gateway.RouteAsync(
            Host,
            static context =>
                context.Response.WriteAsync($"{context.Request.Headers["X-Forwarded-Proto"]} {context.Request.Headers["X-Forwarded-Host"]}")
        );
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "inner")!;
        gateway.Cluster.Put(
            Resources.Ingresses,
            ingress with
            {
                Metadata = ingress.Metadata with { Generation = 2 },
                Spec = ingress.Spec with
                {
                    Rules = [ingress.Spec.Rules[0] with { Visibility = "ClusterLocal" }],
                    Tls =
                    [
                        new IngressTls
                        {
                            Hosts = [Host, "inner.default.svc", "inner.default"],
                            SecretName = "cert",
                            SecretNamespace = "default",
                        },
                    ],
                },
            }
        );
        PutCertificate(gateway.Cluster, Host);
        await gateway.RoutedAsync("inner");

        (await GetAsync(gateway, Host, listener: 3)).Body.Should().Be($"https {Host}");
        (await GetAsync(gateway, "inner.default", listener: 3)).Body.Should().Be("https inner.default");
        (await GetAsync(gateway, Host)).Body.Should().StartWith("no route leads to this host", "outside there is no such host");
    }

    [Test]
    public async Task Refuses_TLS_1_1()
    {
        await using var gateway = await RunningGateway.StartAsync(
            options: RunningGateway.Options with
            {
                Https = new IPEndPoint(IPAddress.Loopback, 0),
            }
        );
        await gateway.RouteAsync("tls.test", static _ => Task.CompletedTask);
        var ingress = gateway.Cluster.Find(Resources.Ingresses, "default", "tls")!;
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
                            Hosts = ["tls.test"],
                            SecretName = "cert",
                            SecretNamespace = "default",
                        },
                    ],
                },
            }
        );
        PutCertificate(gateway.Cluster, "tls.test");
        await gateway.RoutedAsync("tls");

        (await OldTlsClient.GreetAsync(gateway.Module.Listening[2], "tls.test")).Should().Equal(OldTlsClient.VersionRefused);
    }

    private static async Task<(string Body, string Thumbprint)> GetAsync(RunningGateway gateway, string host, int listener = 2)
    {
        var thumbprint = "";
        using var handler = new SocketsHttpHandler { UseProxy = false };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, _) =>
        {
            thumbprint = certificate?.GetCertHashString() ?? "";
            return thumbprint.Length > 0;
        };
        handler.SslOptions.TargetHost = host;
        using var http = new HttpClient(handler);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{gateway.Module.Listening[listener]}/");
        request.Headers.Host = host;
        using var response = await http.SendAsync(request);
        return (await response.Content.ReadAsStringAsync(), thumbprint);
    }

    private static void PutCertificate(InMemoryCluster cluster, string host)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={host}", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddHours(1));
        cluster.Put(
            Resources.Secrets,
            new Secret
            {
                Metadata = new ObjectMeta { Namespace = "default", Name = "cert" },
                Data = new Dictionary<string, byte[]>
                {
                    ["tls.crt"] = Encoding.ASCII.GetBytes(certificate.ExportCertificatePem()),
                    ["tls.key"] = Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem()),
                },
            }
        );
    }
}

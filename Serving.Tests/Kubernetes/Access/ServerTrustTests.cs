using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Kubernetes.Access;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ServerTrustTests
{
    private static readonly ClusterClientOptions Once = new() { Attempts = 1 };
    private readonly string _folder = Directory.CreateTempSubdirectory("trust").FullName;
    private readonly ECDsa _key = ECDsa.Create();

    [TearDown]
    public void TearDown()
    {
        _key.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public async Task A_server_is_trusted_by_the_files_authority_alone_over_HTTP2()
    {
        using var certificate = SelfSigned("CN=test");
        using var other = SelfSigned("CN=other");
        await using var server = await FakeApiServer.StartAsync(certificate);

        using var trusting = Client(server, $"certificate-authority: {Write("good", certificate)}");
        await GetAsync(trusting);
        server.Requests.Single().Protocol.Should().Be("HTTP/2");

        foreach (var distrusted in new[] { $"certificate-authority: {Write("other", other)}", "extensions: []" })
        {
            using var client = Client(server, distrusted);
            await FluentActions.Awaiting(() => GetAsync(client)).Should().ThrowAsync<KubernetesException>();
        }

        using var careless = Client(server, "insecure-skip-tls-verify: true");
        await GetAsync(careless);
    }

    [Test]
    public async Task A_certificate_of_the_authority_for_another_name_is_refused()
    {
        using var certificate = SelfSigned("CN=test", name: "somebody.else");
        await using var server = await FakeApiServer.StartAsync(certificate);
        var authority = $"certificate-authority: {Write("ca", certificate)}";
        using var client = Client(server, authority);
        using var named = Client(server, $"{authority}, tls-server-name: somebody.else");

        (await FluentActions.Awaiting(() => GetAsync(client)).Should().ThrowAsync<KubernetesException>())
            .Which.InnerException!.GetBaseException()
            .Should()
            .BeOfType<AuthenticationException>();

        await GetAsync(named);
    }

    [Test]
    public async Task An_authority_that_is_replaced_in_its_file_is_trusted_without_a_restart()
    {
        using var before = SelfSigned("CN=before");
        using var after = SelfSigned("CN=after");
        var file = Write("ca.crt", before);
        await using var server = await FakeApiServer.StartAsync(after);
        using var client = Client(server, $"certificate-authority: {file}");
        var get = () => GetAsync(client);
        await get.Should().ThrowAsync<KubernetesException>();

        await File.WriteAllTextAsync(file, "being written");
        await get.Should().ThrowAsync<KubernetesException>("a file that cannot be read changes nothing");
        Write("ca.crt", after);

        await get.Should().NotThrowAsync();
    }

    [Test]
    public void No_TLS_before_1_2_is_spoken()
    {
        var access = new ClusterAccess { Configuration = new k8s.KubernetesClientConfiguration { Host = "https://localhost" } };
        using var handler = new SocketsHttpHandler();

        access.ToConfiguration(null).FirstMessageHandlerSetup(handler);

        handler.SslOptions.EnabledSslProtocols.Should().Be(SslProtocols.Tls12 | SslProtocols.Tls13);
    }

    private static Task<ConfigMap> GetAsync(ClusterClient client) =>
        client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None);

    private ClusterClient Client(FakeApiServer server, string cluster)
    {
        var file = Path.Combine(_folder, "config");
        File.WriteAllText(
            file,
            $$"""
            current-context: x
            contexts: [{name: x, context: {cluster: c, user: u} }]
            clusters: [{name: c, cluster: {server: '{{server.Address}}', {{cluster}}} }]
            users: [{name: u, user: {token: t} }]
            """
        );
        return new ClusterClient(ClusterAccess.FromKubeconfig(file), Once);
    }

    private string Write(string name, X509Certificate2 certificate)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, certificate.ExportCertificatePem());
        return path;
    }

    private X509Certificate2 SelfSigned(string subject, string? name = null)
    {
        var request = new CertificateRequest(subject, _key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        if (name is null)
        {
            names.AddIpAddress(IPAddress.Loopback);
        }
        else
        {
            names.AddDnsName(name);
        }

        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }
}

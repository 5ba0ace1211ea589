using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Configuration;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KubeconfigTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kubeconfig").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task The_current_context_names_cluster_user_and_namespace()
    {
        var configuration = KubernetesConfiguration.FromKubeconfig(Write("config", Config("token: secret")));

        configuration.Server.Should().Be(new Uri("https://127.0.0.1:6443"));
        configuration.Namespace.Should().Be("mine");
        (await configuration.Credential!.GetAuthorizationAsync(false, default)).Should().Be("Bearer secret");
    }

    [TestCase("server: https://127.0.0.1:6443", "server: nonsense", "clusters[c].cluster.server")]
    [TestCase("cluster: c, user", "cluster: missing, user", "clusters: has no \"missing\"")]
    [TestCase("current-context: x", "current-context: y", "contexts: has no \"y\"")]
    [TestCase("token: secret", "client-certificate-data: '!!'", "users[u].user.client-certificate-data: is not base64")]
    [TestCase("token: secret", "tokenFile: nowhere", "users[u].user.tokenFile")]
    [TestCase("token: secret", "exec: {command: x, apiVersion: v0}", "users[u].user.exec.apiVersion")]
    [TestCase("current-context: x", "current-context: [", "is not valid YAML")]
    public void What_is_wrong_is_said_in_one_line_with_file_and_field(string good, string bad, string says)
    {
        var file = Write("config", Config("token: secret").Replace(good, bad));

        var load = () => KubernetesConfiguration.FromKubeconfig(file);

        load.Should().Throw<KubernetesConfigurationException>().Which.Message.Should().StartWith(file).And.Contain(says).And.NotContain("\n");
    }

    [Test]
    public async Task A_plugins_credential_is_kept_until_it_expires_or_is_refused()
    {
        var script = Write("plugin", $$$"""
            #!/bin/sh
            echo x >> {{{_folder}}}/calls
            echo '{"status":{"token":"'$PREFIX-$1'","expirationTimestamp":"2026-01-01T01:00:00Z"}}'
            """);
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var time = new ManualTimeProvider();
        var file = Write("config", Config("exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [one], env: [{name: PREFIX, value: p}]}"));
        var credential = KubernetesConfiguration.FromKubeconfig(file, time: time).Credential!;
        int Calls() => File.ReadAllLines(Path.Combine(_folder, "calls")).Length;

        (await credential.GetAuthorizationAsync(false, default)).Should().Be("Bearer p-one");
        await credential.GetAuthorizationAsync(false, default);
        Calls().Should().Be(1);
        await credential.GetAuthorizationAsync(refused: true, default);
        Calls().Should().Be(2);
        time.Advance(TimeSpan.FromHours(1));
        await credential.GetAuthorizationAsync(false, default);
        Calls().Should().Be(3);
    }

    [Test]
    public async Task A_server_is_trusted_by_the_files_authority_alone_over_HTTP2()
    {
        using var key = ECDsa.Create();
        using var certificate = SelfSigned(key);
        await using var server = await FakeApiServer.StartAsync(certificate);
        var config = Config("token: secret").Replace("https://127.0.0.1:6443", server.Address.AbsoluteUri);
        var authority = "certificate-authority-data: " + Convert.ToBase64String(Encoding.UTF8.GetBytes(certificate.ExportCertificatePem()));
        var once = new KubernetesClientOptions { Attempts = 1 };
        Task<Serving.Api.Core.ConfigMap> GetAsync(KubernetesClient client) => client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None);

        using var trusting = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(Write("good", config.Replace("extensions: []", authority))), once);
        await GetAsync(trusting);
        server.Requests.Single().Protocol.Should().Be("HTTP/2");
        using var distrusting = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(Write("bad", config)), once);
        await FluentActions.Awaiting(() => GetAsync(distrusting)).Should().ThrowAsync<KubernetesException>();
        using var careless = new KubernetesClient(KubernetesConfiguration.FromKubeconfig(Write("any", config.Replace("extensions: []", "insecure-skip-tls-verify: true"))), once);
        await GetAsync(careless);
    }

    private static X509Certificate2 SelfSigned(ECDsa key)
    {
        var request = new CertificateRequest("CN=test", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private static string Config(string user) => $$"""
        apiVersion: v1
        kind: Config
        current-context: x
        contexts:
        - name: x
          context: {cluster: c, user: u, namespace: mine}
        clusters:
        - name: c
          cluster:
            server: https://127.0.0.1:6443
            extensions: []
        users:
        - name: u
          user:
            {{user}}
        """;

    private string Write(string name, string text)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}

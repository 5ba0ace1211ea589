using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Access;

[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class KubeconfigTests
{
    private readonly string _folder = Directory.CreateTempSubdirectory("kubeconfig").FullName;

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void The_current_context_names_cluster_user_and_namespace()
    {
        var access = ClusterAccess.FromKubeconfig(Write("config", Config("token: secret")));

        access.Server.Should().Be(new Uri("https://127.0.0.1:6443"));
        access.Configuration.Namespace.Should().Be("mine");
        access.Configuration.AccessToken.Should().Be("secret");
    }

    [Test]
    public void Of_several_files_the_first_to_define_a_name_wins_and_paths_count_from_their_own_file()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "other"));
        File.WriteAllText(Path.Combine(_folder, "other", "ca.crt"), "no certificate");
        var first = Write("first", "{current-context: x, users: [{name: u, user: {token: mine} }]}");
        var second = Write("other/second", Config("token: theirs").Replace("extensions: []", "certificate-authority: ca.crt"));

        var load = () => ClusterAccess.FromKubeconfig($"{first}:{Path.Combine(_folder, "missing")}:{second}");

        load.Should()
            .Throw<KubernetesConfigurationException>()
            .Which.Message.Should()
            .StartWith($"{second}: clusters[c].cluster.certificate-authority: ");
        Write("other/second", Config("token: theirs"));
        load().Configuration.AccessToken.Should().Be("mine");
    }

    [TestCase("username: jane, password: s:cret", "Basic amFuZTpzOmNyZXQ=")]
    [TestCase("username: jane", "Basic amFuZTo=")]
    [TestCase("token: secret", "Bearer secret")]
    [TestCase("token: secret, exec: {command: ./none, apiVersion: client.authentication.k8s.io/v1}", "Bearer secret")]
    [TestCase("tokenFile: token", "Bearer of-a-file")]
    [TestCase("tokenFile: token, token: secret", "Bearer of-a-file")]
    [TestCase("as: jane", null)]
    public async Task A_user_is_authorized_by_what_kubectl_would_take(string user, string? header)
    {
        Write("token", "of-a-file\n");
        await using var server = await FakeApiServer.StartAsync();
        var file = Write("config", Config($"{{ {user} }}").Replace("https://127.0.0.1:6443", server.Address.AbsoluteUri));
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(file));

        await client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None);

        server.Requests.Single().Authorization.Should().Be(header);
    }

    [Test]
    public async Task A_token_of_OIDC_is_refreshed_once_for_all_who_need_it()
    {
        await using var issuer = await FakeApiServer.StartAsync();
        issuer.Handler = (context, _) => FakeApiServer.Json(context, """{"id_token":"fresh","expires_in":3600}""");
        await using var server = await FakeApiServer.StartAsync();
        var user =
            $"auth-provider: {{name: oidc, config: {{client-id: c, idp-issuer-url: '{issuer.Address}', id-token: stale, refresh-token: r}} }}";
        var file = Write("config", Config(user).Replace("https://127.0.0.1:6443", server.Address.AbsoluteUri));
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(file));

        await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None)));

        server.Requests.Select(request => request.Authorization).Should().HaveCount(20).And.AllBe("Bearer fresh");
        issuer.Requests.Should().ContainSingle().Which.Body.Should().Contain("refresh_token=r");
    }

    [TestCase("server: https://127.0.0.1:6443", "server: nonsense", "clusters[c].cluster.server")]
    [TestCase("cluster: c, user", "cluster: missing, user", "clusters: has no \"missing\"")]
    [TestCase("current-context: x", "current-context: y", "contexts: has no \"y\"")]
    [TestCase("token: secret", "client-certificate-data: '!!'", "users[u].user.client-certificate-data: is not base64")]
    [TestCase("token: secret", "tokenFile: nowhere", "users[u].user.tokenFile")]
    [TestCase("token: secret", "exec: {command: x, apiVersion: v0}", "users[u].user.exec.apiVersion")]
    [TestCase("token: secret", "client-certificate-data: bm9uZQ==, client-key-data: bm9uZQ==", "users[u].user.client-certificate-data")]
    [TestCase("token: secret", "auth-provider: {name: gcp}", "users[u].user.auth-provider: is no longer supported")]
    [TestCase("token: secret", "auth-provider: {name: oidc, config: {client-id: c} }", "users[u].user.auth-provider.config.idp-issuer-url")]
    [TestCase("extensions: []", "certificate-authority-data: bm9uZQ==", "clusters[c].cluster.certificate-authority-data")]
    [TestCase("extensions: []", "insecure-skip-tls-verify: maybe", "clusters[c].cluster.insecure-skip-tls-verify")]
    [TestCase("extensions: []", "proxy-url: nowhere", "clusters[c].cluster.proxy-url")]
    [TestCase("current-context: x", "current-context: [", "is not valid YAML")]
    public void What_is_wrong_is_said_in_one_line_with_file_and_field(string good, string bad, string says)
    {
        var file = Write("config", Config("{ token: secret }").Replace(good, bad));

        var load = () => ClusterAccess.FromKubeconfig(file);

        load.Should()
            .Throw<KubernetesConfigurationException>()
            .Which.Message.Should()
            .StartWith(file)
            .And.Contain(says)
            .And.NotContain("\n");
    }

    [Test]
    public async Task A_plugins_credential_is_kept_until_it_expires_or_is_refused()
    {
        var script = Write(
            "plugin",
            $$$"""
            #!/bin/sh
            echo x >> {{{_folder}}}/calls
            echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$PREFIX-$1'","expirationTimestamp":"2026-01-01T01:00:00Z"}}'
            """
        );
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        var time = new ManualTimeProvider();
        var file = Write(
            "config",
            Config("exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin, args: [one], env: [{name: PREFIX, value: p}]}")
        );
        var credential = ClusterAccess.FromKubeconfig(file, time: time).Credential!;
        int Calls() => File.ReadAllLines(Path.Combine(_folder, "calls")).Length;

        var header = await credential.GetAuthenticationHeaderAsync(default);
        header.ToString().Should().Be("Bearer p-one");
        await credential.GetAuthenticationHeaderAsync(default);
        Calls().Should().Be(1);
        credential.Refuse(header, null);
        await credential.GetAuthenticationHeaderAsync(default);
        Calls().Should().Be(2);
        time.Advance(TimeSpan.FromHours(1));
        await credential.GetAuthenticationHeaderAsync(default);
        Calls().Should().Be(3);
    }

    private static string Config(string user) =>
        $$"""
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

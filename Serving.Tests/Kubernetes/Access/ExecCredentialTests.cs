using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Tests.Support;

namespace Serving.Tests.Kubernetes.Access;

/// <summary>A client whose credential a program prints: it prints what the test has put into the file <c>answer</c>, and fails while there
/// is none.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class ExecCredentialTests
{
    private static readonly ClusterClientOptions Once = new() { Attempts = 1 };
    private readonly string _folder = Directory.CreateTempSubdirectory("credential").FullName;
    private readonly ManualTimeProvider _time = new(DateTimeOffset.UtcNow);

    [SetUp]
    public void SetUp()
    {
        if (OperatingSystem.IsWindows())
        {
            Assert.Ignore("the plugin is a shell script");
            return;
        }

        var script = Path.Combine(_folder, "plugin");
        File.WriteAllText(
            script,
            $"""
            #!/bin/sh
            echo x >> {_folder}/calls
            echo "$KUBERNETES_EXEC_INFO" > {_folder}/told
            while [ -e {_folder}/slow ]; do sleep 0.02; done
            cat {_folder}/answer
            """
        );
        File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [TearDown]
    public void TearDown() => Directory.Delete(_folder, recursive: true);

    [Test]
    public async Task A_plugin_that_fails_once_is_a_server_that_was_away()
    {
        await using var server = await FakeApiServer.StartAsync();
        using var client = Client(server);

        var get = () => GetAsync(client);
        var failure = (await get.Should().ThrowAsync<KubernetesException>()).Which;
        failure.IsUnreachable.Should().BeTrue();
        failure.Message.Should().Contain("users[u].user.exec").And.Contain("plugin ended with 1").And.NotContain("\n");
        await get.Should().ThrowAsync<KubernetesException>();
        Calls().Should().Be(1, "it is left alone for a moment");

        Answer("""{"token":"good"}""");
        _time.Advance(TimeSpan.FromSeconds(1));
        await get.Should().NotThrowAsync();

        server.Requests.Should().ContainSingle().Which.Authorization.Should().Be("Bearer good");
    }

    [TestCase("""{"token":"good","expirationTimestamp":"soon"}""", "printed no ExecCredential")]
    [TestCase("""{"clientCertificateData":"none","clientKeyData":"none"}""", "printed no ExecCredential")]
    [TestCase("""{"clientCertificateData":"none"}""", "printed only one of certificate and key")]
    [TestCase("""{}""", "printed neither a token nor a certificate")]
    [TestCase("[]", "printed no status")]
    public async Task What_a_plugin_must_not_print_is_said_and_ends_nothing(string status, string says)
    {
        await using var server = await FakeApiServer.StartAsync();
        using var client = Client(server);
        Answer(status);

        var get = () => GetAsync(client);

        (await get.Should().ThrowAsync<KubernetesException>()).Which.Message.Should().Contain(says).And.Contain("plugin");
    }

    [Test]
    public async Task No_callers_deadline_ends_a_plugin_that_others_wait_for()
    {
        Answer("""{"token":"good"}""");
        await File.WriteAllTextAsync(Path.Combine(_folder, "slow"), "");
        var credential = Configuration("http://127.0.0.1:1").Credential!;
        using var impatient = new CancellationTokenSource();
        var first = credential.GetAuthenticationHeaderAsync(impatient.Token);
        await Eventually.HoldsAsync(() => Calls().Should().Be(1));

        await impatient.CancelAsync();
        await FluentActions.Awaiting(() => first).Should().ThrowAsync<OperationCanceledException>();
        var others = Enumerable.Range(0, 20).Select(_ => credential.GetAuthenticationHeaderAsync(CancellationToken.None)).ToArray();
        File.Delete(Path.Combine(_folder, "slow"));

        var headers = await Task.WhenAll(others).WaitAsync(TimeSpan.FromSeconds(60));
        headers.Select(header => header.ToString()).Should().AllBe("Bearer good");
        Calls().Should().Be(1, "it runs once for all who need it");
    }

    [Test]
    public async Task A_certificate_that_is_renewed_is_shown_on_new_connections_at_once()
    {
        using var serverKey = ECDsa.Create();
        using var serverCertificate = Certificate("CN=server", serverKey);
        await using var server = await FakeApiServer.StartAsync(serverCertificate, takesCertificates: true);
        using var client = Client(server, $"certificate-authority-data: {Base64(serverCertificate.ExportCertificatePem())}");
        var refused = "";
        var shown = new List<string>();
        server.Handler = (context, _) =>
        {
            var subject = context.Connection.ClientCertificate!.Subject;
            shown.Add(subject);
            return subject == refused ? FakeApiServer.Fail(context, 401, "Unauthorized") : FakeApiServer.Json(context, "{}");
        };
        AnswerCertificate("CN=first");
        await GetAsync(client);

        AnswerCertificate("CN=second");
        refused = "CN=first";
        await GetAsync(client);

        shown.Should().Equal("CN=first", "CN=first", "CN=second");
        server.Requests.Should().OnlyContain(request => request.Protocol == "HTTP/2");
    }

    [Test]
    public async Task A_plugin_that_must_talk_to_a_person_says_so_where_there_is_no_terminal()
    {
        var plugin = new ExecPlugin(
            "config",
            "users[u].user.exec",
            Path.Combine(_folder, "plugin"),
            [],
            new Dictionary<string, string>(),
            "client.authentication.k8s.io/v1",
            null
        )
        {
            InteractiveMode = "Always",
        };

        var ask = () => new ExecCredential(plugin, _time, terminal: false).GetAuthenticationHeaderAsync(CancellationToken.None);

        (await ask.Should().ThrowAsync<KubernetesConfigurationException>())
            .Which.Message.Should()
            .Contain("interactiveMode")
            .And.Contain("not a terminal");
        File.Exists(Path.Combine(_folder, "calls")).Should().BeFalse();
    }

    [Test]
    public async Task A_plugin_that_is_not_there_is_a_configuration_that_cannot_work()
    {
        var text = Config("http://127.0.0.1:1")
            .Replace("command: ./plugin", "command: no-such-plugin, installHint: get it", StringComparison.Ordinal);
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(Write(text)), Once);

        var get = () => GetAsync(client);

        (await get.Should().ThrowAsync<KubernetesException>())
            .WithInnerException<KubernetesConfigurationException>()
            .Which.Message.Should()
            .Contain("no-such-plugin")
            .And.EndWith("get it");
    }

    [Test]
    public async Task A_plugin_is_told_of_the_cluster_what_its_entry_says()
    {
        Answer("""{"token":"good"}""");
        var text = Config(
                "https://127.0.0.1:1",
                "tls-server-name: name, proxy-url: 'http://127.0.0.1:2', extensions: [{name: client.authentication.k8s.io/exec, extension: {audience: me}}]"
            )
            .Replace("command: ./plugin", "command: ./plugin, provideClusterInfo: true", StringComparison.Ordinal);
        var configuration = ClusterAccess.FromKubeconfig(Write(text));

        await configuration.Credential!.GetAuthenticationHeaderAsync(CancellationToken.None);

        configuration.Configuration.TlsServerName.Should().Be("name");
        configuration.Proxy.Should().Be(new Uri("http://127.0.0.1:2"));
        var told = JsonNode.Parse(await File.ReadAllTextAsync(Path.Combine(_folder, "told")))!;
        JsonNode
            .DeepEquals(
                told["spec"]!["cluster"],
                JsonNode.Parse(
                    """
                    {"server":"https://127.0.0.1:1","tls-server-name":"name","proxy-url":"http://127.0.0.1:2","config":{"audience":"me"}}
                    """
                )
            )
            .Should()
            .BeTrue(told.ToJsonString());
    }

    [Test]
    public async Task Arguments_and_variables_reach_a_plugin_as_they_are_written()
    {
        await File.WriteAllTextAsync(
            Path.Combine(_folder, "plugin"),
            $$$"""
            #!/bin/sh
            echo "$#|$1|$VARIABLE" > {{{_folder}}}/told
            echo '{"apiVersion":"client.authentication.k8s.io/v1","status":{"token":"good"}}'
            """
        );
        var text = Config("https://127.0.0.1:1")
            .Replace(
                "command: ./plugin",
                "command: ./plugin, args: ['two words'], env: [{name: VARIABLE, value: a b}]",
                StringComparison.Ordinal
            );

        await ClusterAccess.FromKubeconfig(Write(text)).Credential!.GetAuthenticationHeaderAsync(CancellationToken.None);

        (await File.ReadAllTextAsync(Path.Combine(_folder, "told"))).Trim().Should().Be("1|two words|a b");
    }

    [Test]
    public async Task A_user_acts_as_another()
    {
        await using var server = await FakeApiServer.StartAsync();
        var headers = new Dictionary<string, string>();
        server.Handler = (context, _) =>
        {
            foreach (
                var header in context.Request.Headers.Where(header =>
                    header.Key.StartsWith("Impersonate-", StringComparison.OrdinalIgnoreCase)
                )
            )
            {
                headers[header.Key] = header.Value.ToString();
            }

            return FakeApiServer.Json(context, "{}");
        };
        using var client = new ClusterClient(
            ClusterAccess.FromKubeconfig(
                Write(Acting(server.Address.AbsoluteUri, "as: jane, as-uid: '7', as-groups: [admins], as-user-extra: {a/b%: [c]}"))
            ),
            Once
        );

        await GetAsync(client);

        headers
            .Should()
            .Equal(
                new Dictionary<string, string>
                {
                    ["Impersonate-User"] = "jane",
                    ["Impersonate-Uid"] = "7",
                    ["Impersonate-Group"] = "admins",
                    ["Impersonate-Extra-a%2Fb%25"] = "c",
                }
            );
    }

    [TestCase("as-groups: [admins]", "users[u].user.as: is not set")]
    [TestCase("as: jane, as-groups: [a, b]", "users[u].user.as-groups")]
    [TestCase("as: jane, as-user-extra: {scopes: [a, b]}", "users[u].user.as-user-extra[scopes]")]
    public void Whom_we_cannot_act_as_is_said(string user, string says)
    {
        var load = () => ClusterAccess.FromKubeconfig(Write(Acting("http://127.0.0.1:1", user)));

        load.Should().Throw<KubernetesConfigurationException>().Which.Message.Should().Contain(says);
    }

    private static Task<ConfigMap> GetAsync(ClusterClient client) =>
        client.GetAsync(Resources.ConfigMaps, "a", "x", CancellationToken.None);

    private static X509Certificate2 Certificate(string subject, ECDsa key)
    {
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        return request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    private static string Acting(string server, string user) =>
        Config(server)
            .Replace(
                "exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin}",
                $"token: x, {user}",
                StringComparison.Ordinal
            );

    private static string Config(string server, string cluster = "") =>
        $$"""
            current-context: x
            contexts: [{name: x, context: {cluster: c, user: u} }]
            clusters: [{name: c, cluster: {server: '{{server}}', {{cluster}}} }]
            users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: ./plugin} } }]
            """;

    private ClusterClient Client(FakeApiServer server, string cluster = "") =>
        new(Configuration(server.Address.AbsoluteUri, cluster), Once);

    private ClusterAccess Configuration(string server, string cluster = "") =>
        ClusterAccess.FromKubeconfig(Write(Config(server, cluster)), time: _time);

    private int Calls() => File.Exists(Path.Combine(_folder, "calls")) ? File.ReadAllLines(Path.Combine(_folder, "calls")).Length : 0;

    private void Answer(string status) =>
        File.WriteAllText(
            Path.Combine(_folder, "answer"),
            $$"""{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{status}}}"""
        );

    private void AnswerCertificate(string subject)
    {
        using var key = ECDsa.Create();
        using var certificate = Certificate(subject, key);
        Answer(
            JsonSerializer.Serialize(
                new Dictionary<string, string>
                {
                    ["clientCertificateData"] = certificate.ExportCertificatePem(),
                    ["clientKeyData"] = key.ExportPkcs8PrivateKeyPem(),
                }
            )
        );
    }

    private string Write(string text)
    {
        var path = Path.Combine(_folder, "config");
        File.WriteAllText(path, text);
        return path;
    }
}

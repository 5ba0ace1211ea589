using System.Net;
using System.Net.Http.Headers;
using System.Text;
using FluentAssertions;
using Microsoft.Extensions.Logging;
using NUnit.Framework;
using Serving.Api;
using Serving.Api.Core;
using Serving.Certificates;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Host.Metrics;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Hosting;
using Serving.Kubernetes.Informers;
using Serving.Tests.Controller.Digests;
using Serving.Tests.LocalCluster.ApiServer;
using Serving.Tests.Support;

namespace Serving.Tests.Host;

/// <summary>No log line, at any level, and no exception shows what a Secret holds, a token or an Authorization value.</summary>
public sealed class SecretsInLogsTests
{
    private const string Content = "hunter2-in-a-secret";
    private const string Wrong = "a-token-that-nobody-issued";
    private readonly RecordingLogs _logs = new();

    [Test]
    public async Task The_client_its_caches_and_certificates_show_none()
    {
        await using var server = await RunningServer.StartAsync();
        await server.PostAsync("/api/v1/namespaces", """{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"knative-serving"}}""");
        var configuration = ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath);
        using var client = new ClusterClient(configuration);
        var secret = new Secret
        {
            ApiVersion = "v1",
            Kind = "Secret",
            Metadata = new ObjectMeta { Name = "login", Namespace = "default" },
            Data = new Dictionary<string, byte[]> { ["password"] = Encoding.UTF8.GetBytes(Content) },
        };
        using var stop = new CancellationTokenSource();
        var informers = new SharedInformers(client, _logs, TimeProvider.System);
        var seen = informers.For(Resources.Secrets);
        var running = informers.RunAsync(stop.Token);
        await seen.WaitForSyncAsync(stop.Token).WaitAsync(TimeSpan.FromSeconds(30));

        var created = await client.CreateAsync(Resources.Secrets, secret, stop.Token);
        await FailAsync(() => client.CreateAsync(Resources.Secrets, secret, stop.Token));
        await FailAsync(() =>
            client.CreateAsync(Resources.Secrets, secret with { Metadata = secret.Metadata with { Name = "No Name" } }, stop.Token)
        );
        await FailAsync(() => client.UpdateAsync(Resources.Secrets, created with { Type = "other" }, stop.Token));
        using var stranger = new ClusterClient(configuration with { Credential = new FixedCredential(Wrong) });
        await FailAsync(() => stranger.GetAsync(Resources.Secrets, "default", "login", stop.Token));
        var made = await new CertificateSecret(
            new CertificateSecretOptions("knative-serving", "webhook-certs", "webhook", "cluster.local"),
            TimeProvider.System,
            _logs.CreateLogger<CertificateSecret>()
        ).EnsureAsync(client, stop.Token);
        await stop.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

        AssertNone(server.Server.Token, Wrong, Content, Base64(Content), BodyOf(made.Pems.Key));
    }

    [Test]
    public async Task Asking_registries_shows_none_whatever_they_answer()
    {
        await using var world = await DigestWorld.StartAsync();
        world.PutDockerConfig("right", "registry.example.com", $$"""{"username":"user","password":"{{Content}}"}""");
        world.PutDockerConfig("identity", "registry.example.com", $$"""{"identitytoken":"{{Content}}"}""");
        world.PutSecret(
            "broken",
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            $$"""{"auths":{"registry.example.com":{"password":"{{Content}}" oops"""
        );
        world.PutSecret(
            "strange",
            "kubernetes.io/dockerconfigjson",
            ".dockerconfigjson",
            $$"""{"auths":{"registry.example.com":{"auth":"{{Base64(Content)}}"} } }"""
        );
        world.Identities = [new Failing()];
        var resolver = new RegistryDigests(
            world.Cluster,
            world.Http,
            new LocalDockerConfig(static _ => null),
            world.Identities,
            _logs.CreateLogger<RegistryDigests>(),
            TimeProvider.System
        );
        foreach (
            var (secret, login, challenge) in new[]
            {
                ("right", $"user:{Content}", "Basic"),
                ("right", "user:other", "Basic"),
                ("right", $"user:{Content}", "Bearer"),
                ("identity", "user:other", "Bearer"),
                ("broken", "", "Basic"),
                ("strange", "", "Basic"),
                ("none", "", "Bearer"),
            }
        )
        {
            world.Registry.Login = login;
            world.Registry.Challenge = challenge;
            world.PullSecrets.Clear();
            world.PullSecrets.Add(secret);
            try
            {
                (await resolver.ResolveAsync(world.Request("registry.example.com/team/app:1"), CancellationToken.None))
                    .Should()
                    .EndWith(TestRegistry.Digest);
            }
            catch (DigestException refused)
            {
                // Its message becomes a condition of the Revision, which more people may read than the Secret.
                _logs.CreateLogger("test").LogDebug(refused, "refused");
            }
        }

        _logs.Text.Should().Contain("refused").And.Contain("continuing without it");
        AssertNone(Content, Base64(Content), Base64($"user:{Content}"));
    }

    [Test]
    public async Task Scrapes_show_none()
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new ClusterClient(ClusterAccess.FromKubeconfig(server.Server.KubeconfigPath));
        using var guard = new ScrapeGuard(client, TimeProvider.System, _logs.CreateLogger<ScrapeGuard>());
        using var metrics = new MetricsEndpoint(guard, TimeProvider.System);
        var other = new ServingPort("other", new IPEndPoint(IPAddress.Loopback, 0)) { Serve = static _ => { } };
        await using var ports = await ServedPorts.StartAsync(services => services.AddPort(_ => other).AddPort(_ => metrics.Port), _logs);
        await metrics.OpenAsync(ports.Listeners, new IPEndPoint(IPAddress.Loopback, FreePorts.Next()), default);
        using var handler = new SocketsHttpHandler();
        handler.SslOptions.RemoteCertificateValidationCallback = static (_, made, _, _) =>
            made?.Subject.Contains("127.0.0.1", StringComparison.Ordinal) == true;
        using var http = new HttpClient(handler);
        foreach (var token in new[] { server.Server.Token, Wrong })
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"https://{metrics.Address}/metrics");
            request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            using var response = await http.SendAsync(request);
        }

        AssertNone(server.Server.Token, Wrong);
    }

    private async Task FailAsync(Func<Task> call)
    {
        try
        {
            await call();
        }
        catch (KubernetesException refused)
        {
            _logs.CreateLogger("test").LogDebug(refused, "refused");
            return;
        }

        Assert.Fail("the API server was to refuse this");
    }

    private void AssertNone(params string[] secrets)
    {
        var text = _logs.Text;
        foreach (var secret in secrets)
        {
            text.Contains(secret, StringComparison.Ordinal).Should().BeFalse("it may not be logged: {0}", secret);
        }
    }

    private static string Base64(string text) => Convert.ToBase64String(Encoding.UTF8.GetBytes(text));

    /// <summary>The longest line of a PEM text, which is of the key itself.</summary>
    private static string BodyOf(string pem) =>
        pem.Split('\n').Where(line => !line.StartsWith("--", StringComparison.Ordinal)).MaxBy(line => line.Length)!;

    private sealed class Failing : IRegistryIdentity
    {
        public string Name => "failing";

        public bool Recognises(string registry) => true;

        public ValueTask<RegistryCredential?> CredentialAsync(string registry, CancellationToken cancellation) =>
            throw new IdentityException("the metadata service is away");
    }
}

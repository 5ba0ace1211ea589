using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Controller.Revisions.Digests;
using Serving.Controller.Revisions.Digests.Identities;
using Serving.Tests.Support;

namespace Serving.Tests.Controller.Digests;

/// <summary>A registry over TLS under many names, and a resolver that trusts its authority.</summary>
internal sealed class DigestWorld : IAsyncDisposable
{
    private readonly HttpClient _http;
    private readonly X509Certificate2 _certificate;

    private DigestWorld(TestAuthority authority, TestRegistry registry, X509Certificate2 certificate)
    {
        _certificate = certificate;
        Authority = authority;
        Registry = registry;
        _http = registry.Connect(RegistryTrust.CreateHandler(authority.File, static _ => null));
    }

    public TestAuthority Authority { get; }

    public TestRegistry Registry { get; }

    public HttpClient Http => _http;

    public InMemoryCluster Cluster { get; } = new();

    public IReadOnlyList<IRegistryIdentity> Identities { get; set; } = [];

    /// <summary>The variables of the process by which its docker configuration is found.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    public HashSet<string> Skipped { get; } = ["kind.local", "ko.local", "dev.local"];

    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(10);

    public List<string> PullSecrets { get; } = [];

    public static async Task<DigestWorld> StartAsync()
    {
        var authority = new TestAuthority();
        var certificate = authority.Issue(
            "registry.example.com",
            "eu.corp.example.com",
            "index.docker.io",
            "europe-docker.pkg.dev",
            "mine.azurecr.io",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
        );
        return new DigestWorld(authority, await TestRegistry.StartAsync(certificate), certificate);
    }

    public RegistryDigests Resolver(HttpClient? client = null) =>
        new(
            Cluster,
            client ?? _http,
            new LocalDockerConfig(name => Variables.GetValueOrDefault(name)),
            Identities,
            NullLogger<RegistryDigests>.Instance,
            TimeProvider.System
        );

    public Task<string> ResolveAsync(string image = "registry.example.com/team/app:1", CancellationToken cancellation = default) =>
        Resolver().ResolveAsync(Request(image), cancellation).AsTask();

    public DigestRequest Request(string image, string account = "") =>
        new(image, Samples.Namespace, account, PullSecrets, Skipped, Timeout);

    public void PutSecret(string name, string type, string key, string content) =>
        Cluster.Put(
            Resources.Secrets,
            new Secret
            {
                ApiVersion = "v1",
                Kind = "Secret",
                Metadata = new ObjectMeta { Name = name, Namespace = Samples.Namespace },
                Type = type,
                Data = new Dictionary<string, byte[]> { [key] = System.Text.Encoding.UTF8.GetBytes(content) },
            }
        );

    public void PutDockerConfig(string name, string host, string login) =>
        PutSecret(name, "kubernetes.io/dockerconfigjson", ".dockerconfigjson", $"{{\"auths\":{{\"{host}\":{login}}}}}");

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await Registry.DisposeAsync();
        _certificate.Dispose();
        Authority.Dispose();
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Serving.LocalCluster.ApiServer;
using LocalApiServer = Serving.LocalCluster.ApiServer.ApiServer;

namespace Serving.Tests.LocalCluster.ApiServer;

/// <summary>An API server on a free port with its own directory, and an HTTP client that trusts it.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly SocketsHttpHandler _handler;
    private readonly HttpClient _client;

    private RunningServer(LocalApiServer server, string directory)
    {
        Server = server;
        Directory = directory;
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(server.CertificateAuthority);
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        _handler = handler;
        _client = As(server.Token);
    }

    public LocalApiServer Server { get; }

    public string Directory { get; }

    public HttpClient Client => _client;

    public static async Task<RunningServer> StartAsync(
        string? directory = null,
        string? auditLog = null,
        TimeProvider? time = null,
        Func<CancellationToken, Task<IReadOnlyList<ReadinessCheck>>>? readiness = null,
        bool podResize = true
    )
    {
        directory ??= System.IO.Directory.CreateTempSubdirectory("apiserver").FullName;
        var server = await LocalApiServer.StartAsync(
            new ApiServerOptions(directory, IPAddress.Loopback, 0)
            {
                AuditLog = auditLog,
                Readiness = readiness,
                ServesPodResize = podResize,
            },
            NullLoggerFactory.Instance,
            time ?? TimeProvider.System,
            CancellationToken.None
        );
        return new RunningServer(server, directory);
    }

    public async Task<(int Code, JsonObject Body)> SendAsync(
        HttpMethod method,
        string path,
        string? body = null,
        string type = "application/json",
        string? accept = null,
        HttpClient? client = null
    )
    {
        using var message = new HttpRequestMessage(method, path) { Version = HttpVersion.Version20 };
        if (accept is not null)
            message.Headers.TryAddWithoutValidation("Accept", accept);
        if (body is not null)
            message.Content = new StringContent(body, Encoding.UTF8, MediaTypeHeaderValue.Parse(type));
        using var response = await (client ?? _client).SendAsync(message);
        var text = await response.Content.ReadAsStringAsync();
        return ((int)response.StatusCode, JsonNode.Parse(text) as JsonObject ?? []);
    }

    public Task<(int Code, JsonObject Body)> GetAsync(string path) => SendAsync(HttpMethod.Get, path);

    public Task<(int Code, JsonObject Body)> PostAsync(string path, string body) => SendAsync(HttpMethod.Post, path, body);

    /// <summary>A client with another token, or none; disposing is not necessary.</summary>
    public HttpClient As(string? token, params (string Name, string Value)[] headers)
    {
        var client = new HttpClient(_handler, disposeHandler: false)
        {
            BaseAddress = Server.Address,
            Timeout = TimeSpan.FromSeconds(20),
            DefaultRequestVersion = HttpVersion.Version20,
        };
        if (token is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        foreach (var (name, value) in headers)
            client.DefaultRequestHeaders.Add(name, value);
        return client;
    }

    /// <summary>A token of a service account.</summary>
    public async Task<string> TokenAsync(string ns, string account, string? audience = null, string? boundPod = null)
    {
        var spec = new JsonObject { ["audiences"] = audience is null ? new JsonArray() : new JsonArray(audience) };
        if (boundPod is not null)
            spec["boundObjectRef"] = new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["name"] = boundPod,
            };
        var (code, created) = await PostAsync(
            $"/api/v1/namespaces/{ns}/serviceaccounts/{account}/token",
            new JsonObject
            {
                ["apiVersion"] = "authentication.k8s.io/v1",
                ["kind"] = "TokenRequest",
                ["spec"] = spec,
            }.ToJsonString()
        );
        return code == 201 ? created["status"]!["token"]!.GetValue<string>() : throw new InvalidOperationException(created.ToJsonString());
    }

    /// <summary>Opens a watch and streams its lines.</summary>
    public async Task<StreamReader> WatchAsync(string path)
    {
        var response = await _client.SendAsync(
            new HttpRequestMessage(HttpMethod.Get, path) { Version = HttpVersion.Version20 },
            HttpCompletionOption.ResponseHeadersRead
        );
        return new StreamReader(await response.Content.ReadAsStreamAsync());
    }

    public static async Task<JsonObject> NextAsync(StreamReader watch)
    {
        var line = await watch.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(10));
        return (JsonObject)JsonNode.Parse(line!)!;
    }

    /// <summary>Stops the server and keeps its directory.</summary>
    public async Task StopAsync()
    {
        _client.Dispose();
        _handler.Dispose();
        await Server.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        System.IO.Directory.Delete(Directory, true);
    }
}

using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using FluentAssertions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Tests.Support;

namespace Serving.Tests.Webhook;

/// <summary>The webhook over an in-memory cluster, behind its real TLS listener, with a client that trusts the CA bundle that it
/// registered.</summary>
internal sealed class RunningWebhook : IAsyncDisposable
{
    private AdmissionReplica _replica = null!;

    private RunningWebhook() { }

    /// <summary>The cluster; its ConfigMaps are watched.</summary>
    public InMemoryCluster Cluster { get; } = AdmissionReplica.Install();

    /// <summary>Speaks to the listener as the API server does.</summary>
    public HttpClient Client { get; private set; } = null!;

    /// <summary>The address it listens on.</summary>
    public IPEndPoint EndPoint => _replica.Module.Port.EndPoint!;

    /// <summary>Starts it, and returns when it is ready.</summary>
    public static async Task<RunningWebhook> StartAsync()
    {
        var webhook = new RunningWebhook();
        webhook._replica = await AdmissionReplica.StartAsync(webhook.Cluster, TimeProvider.System);
        await webhook._replica.ReadyAsync();
        webhook.Client = webhook.NewClient();
        return webhook;
    }

    /// <summary>Edits a ConfigMap; the change is applied before this returns.</summary>
    public void Configure(string name, IReadOnlyDictionary<string, string> data) =>
        Cluster.Put(
            Resources.ConfigMaps,
            new ConfigMap
            {
                ApiVersion = "v1",
                Kind = "ConfigMap",
                Metadata = new() { Namespace = "knative-serving", Name = name },
                Data = data,
            }
        );

    /// <summary>Sends a review like the API server, and returns its <c>response</c>.</summary>
    /// <param name="path">The path of the webhook.</param>
    /// <param name="request">The request of the review, JSON.</param>
    public async Task<JsonNode> AskAsync(string path, string request)
    {
        using var content = Json($$"""{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{{request}} }""");
        using var response = await Client.PostAsync(path, content);
        var body = await response.Content.ReadAsStringAsync();
        response.StatusCode.Should().Be(HttpStatusCode.OK, body);
        return JsonNode.Parse(body)!["response"]!;
    }

    /// <summary>A body as the API server sends it.</summary>
    public static StringContent Json(string text) => new(text, Encoding.UTF8, new MediaTypeHeaderValue("application/json"));

    public async ValueTask DisposeAsync()
    {
        Client.Dispose();
        await _replica.DisposeAsync();
    }

    private HttpClient NewClient()
    {
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPem(Encoding.UTF8.GetString(AdmissionReplica.Targets(Cluster)[0].GetProperty("caBundle").GetBytesFromBase64()));
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellation) =>
            {
                var socket = new System.Net.Sockets.Socket(System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Tcp);
                await socket.ConnectAsync(_replica.Module.Port.EndPoint!, cancellation);
                return new System.Net.Sockets.NetworkStream(socket, ownsSocket: true);
            },
        };
        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(trusted);
        return new HttpClient(handler) { BaseAddress = new Uri("https://webhook.knative-serving.svc") };
    }
}

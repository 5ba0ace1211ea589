using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Serving.Tests.Support;

namespace Serving.Tests.Cluster.EndToEnd;

/// <summary>An admission webhook that rejects pods like a ResourceQuota, for an API server without quotas.</summary>
internal sealed class PodQuota : IAsyncDisposable
{
    private readonly TestAuthority _authority;
    private readonly WebApplication _server;
    private readonly int _port;

    private PodQuota(TestAuthority authority, WebApplication server, int port) => (_authority, _server, _port) = (authority, server, port);

    /// <summary>Starts the webhook.</summary>
    public static async Task<PodQuota> StartAsync()
    {
        var authority = new TestAuthority("quota");
        var port = FreePorts.Next();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        var certificate = authority.Serve("localhost");
        builder
            .WebHost.UseKestrelHttpsConfiguration()
            .ConfigureKestrel(kestrel =>
                kestrel.Listen(
                    IPAddress.Loopback,
                    port,
                    endpoint =>
                        endpoint.UseHttps(
                            new TlsHandshakeCallbackOptions
                            {
                                OnConnection = _ =>
                                    ValueTask.FromResult(
                                        new System.Net.Security.SslServerAuthenticationOptions { ServerCertificateContext = certificate }
                                    ),
                            }
                        )
                )
            );
        var server = builder.Build();
        server.Run(AnswerAsync);
        await server.StartAsync();
        return new PodQuota(authority, server, port);
    }

    /// <summary>The name of the configuration for a namespace.</summary>
    public static string NameFor(string ns) => $"quota-of-{ns}";

    /// <summary>Registers the webhook for pods of a namespace.</summary>
    public string ManifestFor(string ns) =>
        $$"""
            apiVersion: admissionregistration.k8s.io/v1
            kind: ValidatingWebhookConfiguration
            metadata: {name: {{NameFor(ns)}} }
            webhooks:
            - name: quota.test.example.com
              clientConfig: {url: "https://localhost:{{_port}}/", caBundle: {{Convert.ToBase64String(
                Encoding.ASCII.GetBytes(_authority.Pem)
            )}} }
              rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
              namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: {{ns}} } }
              admissionReviewVersions: [v1]
              sideEffects: None
              failurePolicy: Fail
            """;

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _authority.Dispose();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var review = (await JsonNode.ParseAsync(context.Request.Body))!;
        review["response"] = new JsonObject
        {
            ["uid"] = review["request"]!["uid"]!.DeepClone(),
            ["allowed"] = false,
            ["status"] = new JsonObject
            {
                ["code"] = 403,
                ["message"] = "forbidden: exceeded quota: test-quota, requested: pods=1, used: pods=0, limited: pods=0",
            },
        };
        review.AsObject().Remove("request");
        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(review.ToJsonString());
    }
}

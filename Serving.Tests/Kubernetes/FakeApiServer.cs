using System.Collections.Concurrent;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Logging;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;

namespace Serving.Tests.Kubernetes;

/// <summary>A server on loopback that answers whatever a test wants and remembers what it was asked.</summary>
internal sealed class FakeApiServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private FakeApiServer(WebApplication app) => _app = app;

    /// <summary>A request that came in.</summary>
    public sealed record Seen(
        string Method,
        string Path,
        string Query,
        string Body,
        string? ContentType,
        string? Authorization,
        string Protocol
    );

    public ConcurrentQueue<Seen> Requests { get; } = new();

    public Func<HttpContext, int, Task> Handler { get; set; } = (context, _) => Json(context, "{}");

    public Uri Address => new(_app.Urls.First());

    public ClusterAccess Access => new() { Configuration = new k8s.KubernetesClientConfiguration { Host = Address.AbsoluteUri } };

    /// <param name="certificate">For TLS; null for none.</param>
    /// <param name="takesCertificates">Whether clients may show one; whatever it is, the handler finds it in the connection.</param>
    public static async Task<FakeApiServer> StartAsync(X509Certificate2? certificate = null, bool takesCertificates = false)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                System.Net.IPAddress.Loopback,
                0,
                listen =>
                {
                    listen.Protocols = HttpProtocols.Http1AndHttp2;
                    if (certificate is not null)
                    {
                        listen.UseHttps(
                            certificate,
                            https =>
                            {
                                https.ClientCertificateMode = takesCertificates
                                    ? ClientCertificateMode.AllowCertificate
                                    : ClientCertificateMode.NoCertificate;
                                https.AllowAnyClientCertificate();
                            }
                        );
                    }
                }
            )
        );
        if (certificate is not null)
        {
            builder.WebHost.UseKestrelHttpsConfiguration();
        }

        var app = builder.Build();
        var server = new FakeApiServer(app);
        app.Run(server.HandleAsync);
        await app.StartAsync();
        return server;
    }

    public ClusterClient Client(ClusterClientOptions? options = null, IRefreshableCredential? credential = null) =>
        new(
            Access with
            {
                Credential = credential,
            },
            options ?? new ClusterClientOptions { FirstDelay = TimeSpan.FromMilliseconds(1), LongestDelay = TimeSpan.FromMilliseconds(20) }
        );

    public static Task Json(HttpContext context, string json, int code = 200)
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(json);
    }

    public static Task Fail(HttpContext context, int code, string reason, string message = "no") =>
        Json(
            context,
            $$"""{"kind":"Status","apiVersion":"v1","status":"Failure","message":"{{message}}","reason":"{{reason}}","code":{{code}}}""",
            code
        );

    public static async Task Line(HttpContext context, string json)
    {
        await context.Response.WriteAsync(json + "\n");
        await context.Response.Body.FlushAsync();
    }

    public async ValueTask DisposeAsync()
    {
        using var now = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task HandleAsync(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var body = await reader.ReadToEndAsync();
        int number;
        lock (Requests)
        {
            Requests.Enqueue(
                new Seen(
                    context.Request.Method,
                    context.Request.Path,
                    context.Request.QueryString.Value ?? "",
                    body,
                    context.Request.ContentType,
                    context.Request.Headers.Authorization,
                    context.Request.Protocol
                )
            );
            number = Requests.Count;
        }

        await Handler(context, number);
    }
}

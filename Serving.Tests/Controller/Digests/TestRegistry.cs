using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Serving.Tests.Controller.Digests;

/// <summary>
/// A registry on loopback, with its token service: knows one index under <c>team/app:1</c> and <c>library/busybox:latest</c>,
/// and stands for whatever host a client that is made by <see cref="Connect"/> asks for.
/// </summary>
internal sealed class TestRegistry : IAsyncDisposable
{
    public const string IndexType = "application/vnd.oci.image.index.v1+json";

    private static readonly byte[] Manifest = Encoding.UTF8.GetBytes("""{"schemaVersion":2,"manifests":[]}""");
    private readonly WebApplication _app;

    private TestRegistry(WebApplication app) => _app = app;

    /// <summary>A request that came in.</summary>
    public sealed record Seen(
        string Method,
        string Host,
        string Path,
        string Query,
        string? Authorization,
        string Accept,
        string UserAgent,
        string Body
    );

    /// <summary>The digest of the index.</summary>
    public static string Digest { get; } = "sha256:" + Convert.ToHexStringLower(SHA256.HashData(Manifest));

    public ConcurrentQueue<Seen> Requests { get; } = new();

    /// <summary>What the registry asks for: nothing, <c>Basic</c> or <c>Bearer</c>.</summary>
    public string? Challenge { get; set; }

    /// <summary>Where the registry says that tokens are had; null for itself.</summary>
    public string? Realm { get; set; }

    /// <summary>The <c>user:password</c> that may read.</summary>
    public string Login { get; set; } = "user:secret";

    /// <summary>Whether the token service has tokens for everybody.</summary>
    public bool AnonymousTokens { get; set; }

    /// <summary>The identity token that the token service exchanges.</summary>
    public string? IdentityToken { get; set; }

    /// <summary>Whether the registry knows HEAD.</summary>
    public bool KnowsHead { get; set; } = true;

    /// <summary>Whether answers have the digest as a header.</summary>
    public bool SaysDigest { get; set; } = true;

    /// <summary>Answers instead of the registry when it returns true.</summary>
    public Func<HttpContext, Seen, Task<bool>> Instead { get; set; } = static (_, _) => Task.FromResult(false);

    public int Port => new Uri(_app.Urls.First()).Port;

    public static async Task<TestRegistry> StartAsync(X509Certificate2? certificate = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(kestrel =>
            kestrel.Listen(
                IPAddress.Loopback,
                0,
                listen =>
                {
                    if (certificate is not null)
                    {
                        listen.UseHttps(certificate);
                    }
                }
            )
        );
        var app = builder.Build();
        var registry = new TestRegistry(app);
        app.Run(registry.HandleAsync);
        await app.StartAsync();
        return registry;
    }

    /// <summary>Makes the handler connect here, whichever host is meant.</summary>
    public HttpClient Connect(SocketsHttpHandler handler)
    {
        handler.ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, Port), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        };
        return new HttpClient(handler);
    }

    public static Task Answer(HttpContext context, int code, string body = "", string type = "application/json")
    {
        context.Response.StatusCode = code;
        context.Response.ContentType = type;
        return context.Request.Method == "HEAD" ? Task.CompletedTask : context.Response.WriteAsync(body);
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
        var request = context.Request;
        var seen = new Seen(
            request.Method,
            request.Host.Value ?? "",
            request.Path,
            WebUtility.UrlDecode(request.QueryString.Value ?? ""),
            request.Headers.Authorization,
            request.Headers.Accept.ToString(),
            request.Headers.UserAgent.ToString(),
            await reader.ReadToEndAsync()
        );
        Requests.Enqueue(seen);
        if (await Instead(context, seen))
        {
            return;
        }

        await (request.Path == "/token" ? TokenAsync(context, seen) : ManifestAsync(context, seen));
    }

    private async Task TokenAsync(HttpContext context, Seen seen)
    {
        var scope = "repository:team/app:pull";
        var known =
            seen.Method == "POST"
                ? IdentityToken is not null
                    && WebUtility.UrlDecode(seen.Body).Contains($"refresh_token={IdentityToken}", StringComparison.Ordinal)
                : seen.Authorization == Basic() || (AnonymousTokens && seen.Authorization is null);
        if (seen.Method == "POST" && IdentityToken is null)
        {
            await Answer(context, 404);
        }
        else if (!known || !(seen.Query + WebUtility.UrlDecode(seen.Body)).Contains($"scope={scope}", StringComparison.Ordinal))
        {
            await Answer(context, 401, """{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}""");
        }
        else
        {
            await Answer(
                context,
                200,
                seen.Method == "POST" ? """{"access_token":"granted"}""" : """{"token":"granted","expires_in":300}"""
            );
        }
    }

    private async Task ManifestAsync(HttpContext context, Seen seen)
    {
        var wanted = Challenge switch
        {
            "Basic" => Basic(),
            "Bearer" => "Bearer granted",
            _ => seen.Authorization,
        };
        if (seen.Authorization != wanted)
        {
            context.Response.Headers.WWWAuthenticate =
                Challenge == "Basic"
                    ? new Microsoft.Extensions.Primitives.StringValues(["Negotiate", "Basic realm=\"registry\""])
                    : (Microsoft.Extensions.Primitives.StringValues)
                        $"Bearer realm=\"{Realm ?? $"{context.Request.Scheme}://{context.Request.Host}/token"}\",service=\"registry.example.com\",scope=\"repository:team/app:pull\"";
            await Answer(context, 401, """{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}""");
        }
        else if (seen.Method == "HEAD" && !KnowsHead)
        {
            await Answer(context, 405);
        }
        else if (seen.Path is "/v2/team/app/manifests/1" or "/v2/library/busybox/manifests/latest")
        {
            context.Response.Headers["Docker-Content-Digest"] = SaysDigest ? Digest : default;
            context.Response.ContentType = IndexType;
            context.Response.ContentLength = Manifest.Length;
            await (seen.Method == "HEAD" ? Task.CompletedTask : context.Response.Body.WriteAsync(Manifest).AsTask());
        }
        else
        {
            await Answer(context, 404, """{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{"Tag":"9"}}]}""");
        }
    }

    private string Basic() => "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes(Login));
}

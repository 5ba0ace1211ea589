using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>
/// Calls webhooks over TLS, on connections kept per authority. A webhook named by its Service is called at one of the Service's ready endpoints,
/// under the Service's name.
/// </summary>
internal sealed class WebhookClient : IDisposable
{
    private readonly ObjectStore _store;
    private readonly ConcurrentDictionary<string, HttpClient> _clients = new(StringComparer.Ordinal);

    public WebhookClient(ObjectStore store, ResourceRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        _store = store;
    }

    /// <summary>Sends a review and returns the webhook's answer.</summary>
    /// <exception cref="HttpRequestException">The webhook cannot be reached, or does not answer as it should.</exception>
    public async Task<JsonObject> CallAsync(JsonObject clientConfig, JsonObject review, TimeSpan timeout, CancellationToken cancellation)
    {
        var url = UrlOf(clientConfig, timeout);
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(timeout);
        try
        {
            using var content = new ByteArrayContent(Json.Bytes(review));
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var message = new HttpRequestMessage(HttpMethod.Post, url) { Content = content, Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionOrLower };
            message.Headers.Accept.ParseAdd("application/json");
            using var response = await Client(clientConfig.String("caBundle") ?? "").SendAsync(message, deadline.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(deadline.Token).ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                throw new HttpRequestException($"the server responded with the status code {(int)response.StatusCode}");
            return Json.Parse(body) as JsonObject ?? throw new HttpRequestException("the answer is no AdmissionReview");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException($"Post \"{url}\": context deadline exceeded");
        }
        catch (System.Text.Json.JsonException exception)
        {
            throw new HttpRequestException($"the answer is no JSON: {exception.Message}", exception);
        }
        catch (HttpRequestException exception) when (exception.InnerException is not null)
        {
            throw new HttpRequestException($"Post \"{url}\": {Innermost(exception)}", exception);
        }
    }

    public void Dispose()
    {
        foreach (var client in _clients.Values)
            client.Dispose();
    }

    private static string Innermost(Exception exception)
    {
        while (exception.InnerException is { } inner)
            exception = inner;
        return exception.Message;
    }

    private static Uri UrlOf(JsonObject clientConfig, TimeSpan timeout)
    {
        var query = $"timeout={(int)timeout.TotalSeconds}s";
        if (clientConfig.String("url") is { } given)
            return Uri.TryCreate(given, UriKind.Absolute, out var url) ? new Uri($"{url}{(url.Query.Length > 0 ? "&" : "?")}{query}") : throw new HttpRequestException($"\"{given}\" is no URL");
        var service = clientConfig.Object("service") ?? throw new HttpRequestException("clientConfig has neither url nor service");
        return new Uri(
            $"https://{service.String("name")}.{service.String("namespace")}.svc:{service.Integer("port") ?? 443}/{(service.String("path") ?? "").TrimStart('/')}?{query}");
    }

    private HttpClient Client(string caBundle) => _clients.GetOrAdd(caBundle, static (bundle, store) =>
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancellation) => await ConnectAsync(store, context.DnsEndPoint, cancellation).ConfigureAwait(false),
            PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(10),
            AllowAutoRedirect = false,
            UseProxy = false,
            ActivityHeadersPropagator = null,
            MaxResponseHeadersLength = 64,
        };
        if (bundle.Length > 0)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPem(System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors, roots);
        }

        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = ApiServer.MaxBodyBytes * 2 };
    }, _store);

    private static bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        if (certificate is not X509Certificate2 presented || errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // A bundle may name the serving certificate itself, or an authority between.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        return chain.Build(presented) && chain.ChainElements.Any(e => roots.Any(r => r.RawDataMemory.Span.SequenceEqual(e.Certificate.RawDataMemory.Span)));
    }

    private static async Task<Stream> ConnectAsync(ObjectStore store, DnsEndPoint target, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            if (ServiceEndpoints.IsServiceName(target.Host, out var ns, out var name))
                await socket.ConnectAsync(ServiceEndpoints.Resolve(store, ns, name, target.Port), cancellation).ConfigureAwait(false);
            else
                await socket.ConnectAsync(target, cancellation).ConfigureAwait(false);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }
}

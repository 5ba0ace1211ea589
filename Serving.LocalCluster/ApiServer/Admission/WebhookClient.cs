using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json.Nodes;
using Serving.Concurrency.Sockets;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Admission;

/// <summary>
/// Calls webhooks over TLS, with connections pooled per CA bundle and endpoint. A webhook with a Service is called at one of the Service's
/// ready endpoints, with the Service's name as the TLS server name.
/// </summary>
internal sealed class WebhookClient : IDisposable
{
    private const int Attempts = 3;
    private const int MostClients = 64;
    private static readonly TimeSpan AvoidFor = TimeSpan.FromSeconds(5);

    private readonly ServiceEndpoints _services;
    private readonly ConcurrentDictionary<Target, HttpClient> _clients = new();
    private readonly ConcurrentDictionary<string, long> _avoided = new(StringComparer.Ordinal);

    public WebhookClient(ObjectStore store, ResourceRegistry registry)
    {
        ArgumentNullException.ThrowIfNull(registry);
        _services = new ServiceEndpoints(store);
    }

    /// <summary>
    /// Sends a review and returns the webhook's response. If an endpoint does not respond, the review is sent to another one, which is safe
    /// because a review changes nothing; each attempt gets a share of the remaining time.
    /// </summary>
    /// <exception cref="HttpRequestException">The webhook is unreachable, or its response is invalid.</exception>
    public async Task<JsonObject> CallAsync(
        JsonObject clientConfig,
        ReadOnlyMemory<byte> review,
        TimeSpan timeout,
        CancellationToken cancellation
    )
    {
        var url = UrlOf(clientConfig, timeout);
        var bundle = clientConfig.String("caBundle") ?? "";
        var started = Stopwatch.GetTimestamp();
        for (var attempt = 0; ; attempt++)
        {
            var endpoints = EndpointsOf(url);
            var attemptsLeft = Attempts - attempt;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            var left = timeout - Stopwatch.GetElapsedTime(started);
            limit.CancelAfter(
                left <= TimeSpan.Zero ? TimeSpan.Zero
                : endpoints.Length > 1 ? left / attemptsLeft
                : left
            );
            var target = new Target(
                bundle,
                endpoints.FirstOrDefault(endpoint => !IsAvoided(endpoint)) ?? endpoints[attempt % endpoints.Length]
            );
            try
            {
                var answer = await SendAsync(target, url, review, limit.Token);
                _avoided.TryRemove(target.Endpoint?.ToString() ?? "", out _);
                return answer;
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && attemptsLeft > 1)
            {
                Avoid(target);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                Avoid(target);
                throw new HttpRequestException($"Post \"{url}\": context deadline exceeded");
            }
            catch (HttpRequestException exception) when (exception.InnerException is not null && attemptsLeft > 1)
            {
                Avoid(target);
            }
            catch (HttpRequestException exception) when (exception.InnerException is not null)
            {
                throw new HttpRequestException($"Post \"{url}\": {Innermost(exception)}", exception);
            }
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
            return Uri.TryCreate(given, UriKind.Absolute, out var url)
                ? new Uri($"{url}{(url.Query.Length > 0 ? "&" : "?")}{query}")
                : throw new HttpRequestException($"\"{given}\" is not a URL");
        var service = clientConfig.Object("service") ?? throw new HttpRequestException("clientConfig has neither url nor service");
        return new Uri(
            $"https://{service.String("name")}.{service.String("namespace")}.svc:{service.Integer("port") ?? 443}/{(service.String("path") ?? "").TrimStart('/')}?{query}"
        );
    }

    private async Task<JsonObject> SendAsync(Target target, Uri url, ReadOnlyMemory<byte> review, CancellationToken cancellation)
    {
        using var content = new ReadOnlyMemoryContent(review);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var message = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Content = content,
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        message.Headers.Accept.ParseAdd("application/json");
        // Each renewed certificate and each new address leaves an unused client; requests in flight keep theirs alive.
        if (_clients.Count >= MostClients)
            _clients.Clear();
        using var response = await _clients.GetOrAdd(target, Client).SendAsync(message, cancellation);
        var answer = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (!response.IsSuccessStatusCode)
            throw new HttpRequestException($"the server responded with the status code {(int)response.StatusCode}");
        try
        {
            return Json.Parse(answer) as JsonObject ?? throw new HttpRequestException("the response is not an AdmissionReview");
        }
        catch (System.Text.Json.JsonException exception)
        {
            throw new HttpRequestException($"the response is not JSON: {exception.Message}");
        }
    }

    /// <summary>The endpoints of a webhook; null means that its host name is resolved.</summary>
    private IPEndPoint?[] EndpointsOf(Uri url)
    {
        if (ServiceEndpoints.IsServiceName(url.Host, out var ns, out var name))
            return _services.Resolve(ns, name, url.Port);
        return [null];
    }

    private bool IsAvoided(IPEndPoint? endpoint) =>
        endpoint is not null && _avoided.TryGetValue(endpoint.ToString(), out var since) && Stopwatch.GetElapsedTime(since) < AvoidFor;

    /// <summary>Avoids an endpoint for a while and drops its connections: a hanging one would also hang for the next review.</summary>
    private void Avoid(Target target)
    {
        if (target.Endpoint is { } endpoint)
            _avoided[endpoint.ToString()] = Stopwatch.GetTimestamp();

        // Not disposed, because another review may be using it; its connections close when idle.
        _clients.TryRemove(target, out _);
    }

    private static HttpClient Client(Target target)
    {
        var (bundle, endpoint) = target;
        var handler = PoolConnections.CreateHandler();
        handler.ConnectCallback = (context, cancellation) =>
            PoolConnections.ConnectAsync(endpoint ?? (EndPoint)context.DnsEndPoint, null, cancellation);
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(60);
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);
        handler.AllowAutoRedirect = false;
        handler.UseProxy = false;
        handler.ActivityHeadersPropagator = null;
        handler.MaxResponseHeadersLength = 64;
        if (bundle.Length > 0)
        {
            var roots = new X509Certificate2Collection();
            roots.ImportFromPem(System.Text.Encoding.UTF8.GetString(Convert.FromBase64String(bundle)));
            handler.SslOptions.RemoteCertificateValidationCallback = (_, certificate, _, errors) => IsTrusted(certificate, errors, roots);
        }

        return new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = ApiServer.MaxBodyBytes * 2 };
    }

    private static bool IsTrusted(X509Certificate? certificate, SslPolicyErrors errors, X509Certificate2Collection roots)
    {
        if (certificate is not X509Certificate2 presented || errors.HasFlag(SslPolicyErrors.RemoteCertificateNameMismatch))
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(roots);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        // A bundle may contain the serving certificate itself, or an intermediate CA.
        chain.ChainPolicy.VerificationFlags = X509VerificationFlags.AllowUnknownCertificateAuthority;
        return chain.Build(presented)
            && chain.ChainElements.Any(e => roots.Any(r => r.RawDataMemory.Span.SequenceEqual(e.Certificate.RawDataMemory.Span)));
    }

    /// <summary>The target and its CA bundle; without an endpoint the host name is resolved.</summary>
    private sealed record Target(string Bundle, IPEndPoint? Endpoint);
}

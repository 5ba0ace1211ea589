using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Serving.Certificates;

namespace Serving.Webhook;

/// <summary>
/// The HTTPS server of admission. Everything received is limited (size, depth, time), and an invalid review gets a 4xx. A valid review
/// always gets a review as its response, unless too many are in flight: then the API server is asked to retry.
/// </summary>
internal sealed partial class WebhookServer : IAsyncDisposable
{
    private const long MaxBody = 3 * 1024 * 1024;
    private const int MaxConnections = 2048;
    private const int MaxReviews = 512;
    private const long MaxReviewBytes = 48 * 1024 * 1024;
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = AdmissionReview.MaxDepth };

    private readonly AdmissionGate gate = new(MaxReviews, MaxReviewBytes);
    private readonly WebApplication application;
    private readonly IReadOnlyDictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> handlers;
    private readonly ILogger<WebhookServer> logger;
    private readonly WebhookMetrics metrics = new();
    private readonly TimeProvider time;

    /// <param name="address">The listen address; port 0 to have a free one assigned.</param>
    /// <param name="certificate">Provides the certificate, at each handshake.</param>
    /// <param name="handlers">The handlers by path.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock of decisions.</param>
    public WebhookServer(
        IPEndPoint address,
        Func<ServingCertificate> certificate,
        IReadOnlyDictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> handlers,
        ILoggerFactory loggers,
        TimeProvider time)
    {
        this.time = time;
        this.handlers = handlers;
        logger = loggers.CreateLogger<WebhookServer>();
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddSingleton(loggers);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = MaxBody;
            kestrel.Limits.MaxConcurrentConnections = MaxConnections;
            kestrel.Listen(address, listen => listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions
                {
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    ServerCertificateContext = certificate().Context,
                }),
            }));
        });
        application = builder.Build();
        application.Run(HandleAsync);
    }

    /// <summary>The address it listens on; available once started.</summary>
    public IPEndPoint? EndPoint { get; private set; }

    /// <summary>Starts to listen; throws when the address is in use.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        await application.StartAsync(cancellation).ConfigureAwait(false);
        var bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();
        var uri = new Uri(bound);
        EndPoint = new IPEndPoint(IPAddress.Parse(uri.Host), uri.Port);
    }

    /// <summary>Stops listening and waits for requests in flight.</summary>
    public async ValueTask DisposeAsync()
    {
        await application.StopAsync(CancellationToken.None).ConfigureAwait(false);
        await application.DisposeAsync().ConfigureAwait(false);
        metrics.Dispose();
    }

    /// <summary>Handles a request; the status is never 5xx.</summary>
    internal async Task HandleAsync(HttpContext http)
    {
        var request = http.Request;
        if (!handlers.TryGetValue(request.Path.Value ?? "", out var handler))
        {
            await FailAsync(http, StatusCodes.Status404NotFound, $"there is no webhook at this path; the paths are {string.Join(", ", handlers.Keys.Order(StringComparer.Ordinal))}").ConfigureAwait(false);
            return;
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            http.Response.Headers.Allow = HttpMethods.Post;
            await FailAsync(http, StatusCodes.Status405MethodNotAllowed, "send an admission review with POST").ConfigureAwait(false);
            return;
        }

        if (!string.Equals(request.ContentType?.Split(';')[0].Trim(), "application/json", StringComparison.OrdinalIgnoreCase))
        {
            await FailAsync(http, StatusCodes.Status415UnsupportedMediaType, "invalid Content-Type, want `application/json`").ConfigureAwait(false);
            return;
        }

        // Without a Content-Length, a body may have the maximum size.
        var size = Math.Min(request.ContentLength ?? MaxBody, MaxBody);
        if (!gate.TryEnter(size))
        {
            http.Response.Headers.RetryAfter = "1";
            await FailAsync(http, StatusCodes.Status429TooManyRequests, "too many reviews are in flight; try again later").ConfigureAwait(false);
            return;
        }

        try
        {
            await AnswerAsync(http, handler).ConfigureAwait(false);
        }
        finally
        {
            gate.Exit(size);
        }
    }

    private async Task AnswerAsync(HttpContext http, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>> handler)
    {
        AdmissionReview review;
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(http.Request.Body, Reading, http.RequestAborted).ConfigureAwait(false);
        }
        catch (BadHttpRequestException bad)
        {
            await FailAsync(http, bad.StatusCode, bad.Message).ConfigureAwait(false);
            return;
        }
        catch (JsonException error)
        {
            await FailAsync(http, StatusCodes.Status400BadRequest, $"could not decode body: {error.Message}").ConfigureAwait(false);
            return;
        }

        using (document)
        {
            try
            {
                review = AdmissionReview.Read(document.RootElement);
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException)
            {
                // An invalid escape (a lone surrogate) passes the parser and fails when the string is read.
                await FailAsync(http, StatusCodes.Status400BadRequest, $"could not decode body: {error.Message}").ConfigureAwait(false);
                return;
            }

            var began = time.GetTimestamp();
            var answer = await DecideAsync(review, handler, http.RequestAborted).ConfigureAwait(false);
            metrics.Decided(http.Request.Path.Value!, review.Request, answer, time.GetElapsedTime(began));
            Log.Answered(
                logger, http.Request.Path.Value!, review.Request.Operation, review.Request.Kind.Kind, review.Request.Namespace, review.Request.Name,
                answer.Refusal is null, answer.Refusal ?? "");
            http.Response.ContentType = "application/json";
            var body = JsonSerializer.SerializeToUtf8Bytes(answer.ToReview(review), WebhookJson.Default.JsonObject);
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body, http.RequestAborted).ConfigureAwait(false);
        }
    }

    private async ValueTask<AdmissionAnswer> DecideAsync(
        AdmissionReview review, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>> handler, CancellationToken cancellation)
    {
        try
        {
            return await handler(review.Request, cancellation).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // If validation fails unexpectedly, the object is rejected and the failure is logged: it must neither be allowed nor left without a response.
            logger.LogError(error, "Admission of {Kind} {Namespace}/{Name} failed", review.Request.Kind, review.Request.Namespace, review.Request.Name);
            return AdmissionAnswer.Refused($"decoding request failed: {error.Message}");
        }
    }

    private static Task FailAsync(HttpContext http, int status, string message)
    {
        http.Response.StatusCode = status;
        http.Response.ContentType = "text/plain; charset=utf-8";
        return http.Response.WriteAsync(message + "\n", http.RequestAborted);
    }

    private static partial class Log
    {
        [LoggerMessage(1, LogLevel.Debug, "{Path}: {Operation} {Kind} {Namespace}/{Name} allowed={Allowed} {Refusal}")]
        public static partial void Answered(
            ILogger logger, string path, string operation, string kind, string @namespace, string name, bool allowed, string refusal);
    }
}

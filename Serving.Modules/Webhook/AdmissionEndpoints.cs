using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Serving.Webhook;

/// <summary>
/// The endpoints of admission. Everything received is limited (size, depth, time), and an invalid review gets a 4xx. A valid review
/// always gets a review as its response, unless too many are in flight: then the API server is asked to retry.
/// </summary>
internal sealed partial class AdmissionEndpoints : IDisposable
{
    private const long MaxBody = 3 * 1024 * 1024;
    private const int MaxReviews = 512;
    private const long MaxReviewBytes = 48 * 1024 * 1024;
    private static readonly JsonDocumentOptions Reading = new() { MaxDepth = AdmissionReview.MaxDepth };

    private readonly AdmissionGate _gate = new(MaxReviews, MaxReviewBytes);
    private readonly IReadOnlyDictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> _handlers;
    private readonly ILogger<AdmissionEndpoints> _logger;
    private readonly WebhookMetrics _metrics = new();
    private readonly TimeProvider _time;

    /// <param name="handlers">The handlers by path.</param>
    /// <param name="loggers">Creates the loggers.</param>
    /// <param name="time">The clock of decisions.</param>
    public AdmissionEndpoints(
        IReadOnlyDictionary<string, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>>> handlers,
        ILoggerFactory loggers,
        TimeProvider time
    )
    {
        _time = time;
        _handlers = handlers;
        _logger = loggers.CreateLogger<AdmissionEndpoints>();
    }

    /// <summary>The text of a 404.</summary>
    public string NotFound =>
        $"there is no webhook at this path; the paths are {string.Join(", ", _handlers.Keys.Order(StringComparer.Ordinal))}";

    /// <summary>Adds an endpoint for each path to the pipeline of a port.</summary>
    public void Map(IApplicationBuilder port)
    {
        port.UseRouting();
        port.UseEndpoints(endpoints =>
        {
            foreach (var path in _handlers.Keys)
            {
                endpoints.Map(path, HandleAsync);
            }
        });
    }

    /// <inheritdoc/>
    public void Dispose() => _metrics.Dispose();

    /// <summary>Handles a request; the status is never 5xx.</summary>
    internal async Task HandleAsync(HttpContext http)
    {
        var request = http.Request;
        if (!_handlers.TryGetValue(request.Path.Value ?? "", out var handler))
        {
            await FailAsync(http, StatusCodes.Status404NotFound, NotFound);
            return;
        }

        if (!HttpMethods.IsPost(request.Method))
        {
            http.Response.Headers.Allow = HttpMethods.Post;
            await FailAsync(http, StatusCodes.Status405MethodNotAllowed, "send an admission review with POST");
            return;
        }

        if (!string.Equals(request.ContentType?.Split(';')[0].Trim(), "application/json", StringComparison.OrdinalIgnoreCase))
        {
            await FailAsync(http, StatusCodes.Status415UnsupportedMediaType, "invalid Content-Type, want `application/json`");
            return;
        }

        // Without a Content-Length, a body may have the maximum size.
        var size = Math.Min(request.ContentLength ?? MaxBody, MaxBody);
        if (!_gate.TryEnter(size))
        {
            http.Response.Headers.RetryAfter = "1";
            await FailAsync(http, StatusCodes.Status429TooManyRequests, "too many reviews are in flight; try again later");
            return;
        }

        try
        {
            await AnswerAsync(http, handler);
        }
        finally
        {
            _gate.Exit(size);
        }
    }

    private async Task AnswerAsync(HttpContext http, Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>> handler)
    {
        AdmissionReview review;
        JsonDocument document;
        try
        {
            document = await JsonDocument.ParseAsync(http.Request.Body, Reading, http.RequestAborted);
        }
        catch (BadHttpRequestException bad)
        {
            await FailAsync(http, bad.StatusCode, bad.Message);
            return;
        }
        catch (JsonException error)
        {
            await FailAsync(http, StatusCodes.Status400BadRequest, $"could not decode body: {error.Message}");
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
                await FailAsync(http, StatusCodes.Status400BadRequest, $"could not decode body: {error.Message}");
                return;
            }

            var began = _time.GetTimestamp();
            var answer = await DecideAsync(review, handler, http.RequestAborted);
            _metrics.Decided(http.Request.Path.Value!, review.Request, answer, _time.GetElapsedTime(began));
            Log.Answered(
                _logger,
                http.Request.Path.Value!,
                review.Request.Operation,
                review.Request.Kind.Kind,
                review.Request.Namespace,
                review.Request.Name,
                answer.Refusal is null,
                answer.Refusal ?? ""
            );
            http.Response.ContentType = "application/json";
            var body = JsonSerializer.SerializeToUtf8Bytes(answer.ToReview(review), WebhookJson.Default.JsonObject);
            http.Response.ContentLength = body.Length;
            await http.Response.Body.WriteAsync(body, http.RequestAborted);
        }
    }

    private async ValueTask<AdmissionAnswer> DecideAsync(
        AdmissionReview review,
        Func<AdmissionRequest, CancellationToken, ValueTask<AdmissionAnswer>> handler,
        CancellationToken cancellation
    )
    {
        try
        {
            return await handler(review.Request, cancellation);
        }
        catch (Exception error) when (error is not OperationCanceledException)
        {
            // If validation fails unexpectedly, the object is rejected and the failure is logged: it must neither be allowed nor left
            // without a response.
            _logger.LogError(
                error,
                "Admission of {Kind} {Namespace}/{Name} failed",
                review.Request.Kind,
                review.Request.Namespace,
                review.Request.Name
            );
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
            ILogger logger,
            string path,
            string operation,
            string kind,
            string @namespace,
            string name,
            bool allowed,
            string refusal
        );
    }
}

using System.Net;
using System.Text;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;

namespace Serving.Kubernetes.Client.Handlers;

/// <summary>
/// Bounds one attempt of a request in time and size, and throws <see cref="KubernetesException"/> for every failure. Responses are buffered
/// here asynchronously: the package reads them synchronously, which then reads from memory only and blocks no thread.
/// </summary>
internal sealed class AttemptHandler(ClusterClientOptions options, TimeProvider time) : DelegatingHandler
{
    /// <summary>Bytes of an error response that are read; the rest is dropped.</summary>
    private const int LongestRefusal = 1024 * 1024;

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        using var limit = new CancellationTokenSource(options.RequestTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellationToken);
        var sent = time.GetTimestamp();
        HttpResponseMessage? response = null;
        try
        {
            response = await base.SendAsync(request, either.Token);
            if (!response.IsSuccessStatusCode)
            {
                var refusal = await RefusalAsync(request, response, either.Token);
                ClientMetrics.Responded(request, (int)response.StatusCode, time.GetElapsedTime(sent));
                if (response.StatusCode == HttpStatusCode.TooManyRequests || refusal.RetryAfter is not null)
                {
                    ClientMetrics.SlowedDown(request);
                }

                throw refusal;
            }

            if (!ApiRequest.IsStream(request))
            {
                await response.Content.LoadIntoBufferAsync(options.LargestResponse, either.Token);
            }

            ClientMetrics.Responded(request, (int)response.StatusCode, time.GetElapsedTime(sent));
            return response;
        }
        catch (Exception error)
        {
            response?.Dispose();
            var isLate = limit.IsCancellationRequested && !cancellationToken.IsCancellationRequested;
            if (FailureOf(request, error, isLate) is var (failure, kind))
            {
                ClientMetrics.Failed(request, kind, time.GetElapsedTime(sent));
                throw failure;
            }

            throw;
        }
    }

    /// <summary>A request that did not reach the server, or whose response did not reach us, as status 503.</summary>
    internal static KubernetesException Unreachable(string what, Exception error) =>
        Failure(what, 503, "ServiceUnavailable", $"the API server cannot be reached: {error.GetBaseException().Message}", error);

    /// <summary>An unexpected response, as status 502.</summary>
    internal static KubernetesException Unreadable(string what, Exception error) =>
        Failure(what, 502, "BadGateway", $"the response cannot be read: {error.Message}", error);

    /// <summary>The failure of a request without a response, and its kind in metrics; null for any other exception.</summary>
    private (KubernetesException Failure, string Kind)? FailureOf(HttpRequestMessage request, Exception error, bool late) =>
        error switch
        {
            HttpRequestException { HttpRequestError: HttpRequestError.ConfigurationLimitExceeded } => (
                Failure(
                    ApiRequest.WhatOf(request),
                    500,
                    "ResponseTooLarge",
                    $"the response has more than {options.LargestResponse / 1024 / 1024} MiB: narrow the list by a label",
                    error
                ),
                ClientMetrics.TooLarge
            ),
            HttpRequestException or IOException => (Unreachable(ApiRequest.WhatOf(request), error), ClientMetrics.Unreachable),
            OperationCanceledException when late => (
                Failure(
                    ApiRequest.WhatOf(request),
                    504,
                    "Timeout",
                    $"the API server did not respond within {options.RequestTimeout.TotalSeconds:0.###} s",
                    error
                ),
                ClientMetrics.Timeout
            ),
            _ => null,
        };

    private static KubernetesException Failure(string what, int code, string reason, string message, Exception error) =>
        new(
            what,
            new Status
            {
                State = "Failure",
                Code = code,
                Reason = reason,
                Message = message,
            },
            error
        );

    private async Task<KubernetesException> RefusalAsync(
        HttpRequestMessage request,
        HttpResponseMessage response,
        CancellationToken cancellation
    )
    {
        var status = StatusOf(response, await ReadAsync(response, cancellation));
        return new KubernetesException(ApiRequest.WhatOf(request), status) { RetryAfter = RetryAfter(response, status) };
    }

    private static Status StatusOf(HttpResponseMessage response, ReadOnlySpan<byte> body)
    {
        var code = (int)response.StatusCode;
        try
        {
            if (JsonSerializer.Deserialize(body, ApiJson.Default.Status) is { Kind: "Status" } status)
            {
                return status.Code is null ? status with { Code = code } : status;
            }
        }
        catch (JsonException)
        {
            // The response may be a proxy's and not the API server's; its text is the message then.
        }

        var text = Encoding.UTF8.GetString(body[..Math.Min(body.Length, 500)]).Trim();
        return new Status
        {
            State = "Failure",
            Code = code,
            Reason = response.StatusCode.ToString(),
            Message = text.Length > 0 ? text : response.ReasonPhrase ?? "",
        };
    }

    private static async Task<byte[]> ReadAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        await using var stream = await response.Content.ReadAsStreamAsync(cancellation);
        using var body = new MemoryStream();
        var buffer = new byte[4096];
        int read;
        while (body.Length < LongestRefusal && (read = await stream.ReadAsync(buffer, cancellation)) > 0)
        {
            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }

    private TimeSpan? RetryAfter(HttpResponseMessage response, Status status) =>
        response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - time.GetUtcNow() is var wait && wait > TimeSpan.Zero ? wait : TimeSpan.Zero,
            _ when status.Details?.RetryAfterSeconds is { } seconds and > 0 => TimeSpan.FromSeconds(seconds),
            _ => null,
        };
}

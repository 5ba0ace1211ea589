using System.Globalization;
using System.Net.Http.Headers;

namespace Serving.Observability.Telemetry;

/// <summary>Passes the requests of an exporter on and reports those that the collector did not accept.</summary>
/// <param name="collector">The client that the exporter would use; disposed with this.</param>
/// <param name="failed">Gets the reason of a failure.</param>
internal sealed class WatchedExport(HttpClient collector, Action<string> failed) : HttpMessageHandler
{
    private const string GrpcStatus = "grpc-status";
    private const string GrpcMessage = "grpc-message";

    protected override HttpResponseMessage Send(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var response = collector.Send(Copy(request), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            Check(response);
            return response;
        }
        catch (Exception error)
        {
            failed(ReasonOf(error, cancellationToken));
            throw;
        }
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            var response = await collector.SendAsync(Copy(request), HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (Check(response) && IsGrpc(request))
                await CheckGrpcAsync(response, cancellationToken);
            return response;
        }
        catch (Exception error)
        {
            failed(ReasonOf(error, cancellationToken));
            throw;
        }
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
            collector.Dispose();
        base.Dispose(disposing);
    }

    private static bool IsGrpc(HttpRequestMessage request) => request.Content?.Headers.ContentType?.MediaType == "application/grpc";

    /// <summary>A message can be sent once only, and the exporter's has been.</summary>
    private static HttpRequestMessage Copy(HttpRequestMessage request)
    {
        var copy = new HttpRequestMessage(request.Method, request.RequestUri)
        {
            Content = request.Content,
            Version = request.Version,
            VersionPolicy = request.VersionPolicy,
        };
        foreach (var (name, values) in request.Headers.NonValidated)
            copy.Headers.TryAddWithoutValidation(name, values);
        return copy;
    }

    private static string ReasonOf(Exception error, CancellationToken cancellation)
    {
        if (error is OperationCanceledException)
            return cancellation.IsCancellationRequested ? "the export was stopped meanwhile" : "no response in time";
        while (error.InnerException is { } cause)
            error = cause;
        return error.Message.TrimEnd('.');
    }

    private bool Check(HttpResponseMessage response)
    {
        if (response.IsSuccessStatusCode)
            return true;
        failed(
            string.Create(CultureInfo.InvariantCulture, $"the response is {(int)response.StatusCode} {response.ReasonPhrase}").TrimEnd()
        );
        return false;
    }

    /// <summary>The result of gRPC follows the response.</summary>
    private async Task CheckGrpcAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        await response.Content.LoadIntoBufferAsync(collector.MaxResponseContentBufferSize, cancellation);
        var status = Value(response, GrpcStatus);
        if (status == "0")
            return;
        var message = Value(response, GrpcMessage);
        failed(
            status is null
                ? "the response is not one of gRPC"
                : $"the response has gRPC status {status}{(message is null ? "" : $" ({Uri.UnescapeDataString(message)})")}"
        );
    }

    private static string? Value(HttpResponseMessage response, string name) =>
        Value(response.TrailingHeaders, name) ?? Value(response.Headers, name);

    private static string? Value(HttpResponseHeaders headers, string name) =>
        headers.TryGetValues(name, out var values) ? values.FirstOrDefault() : null;
}

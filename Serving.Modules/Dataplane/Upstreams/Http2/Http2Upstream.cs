using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Logging;
using Serving.Dataplane.Requests;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Dataplane.Upstreams.Http2;

/// <summary>
/// Forwards over HTTP/2 with .NET's client, both directions concurrently, including trailers and gRPC. Requests that the server reports as
/// not processed (REFUSED_STREAM, or above the last stream of a GOAWAY) are retried. An idempotent request without a body is also retried,
/// once, when a reused connection ended without saying so, as idle connections do.
/// </summary>
internal sealed partial class Http2Upstream(UpstreamOptions options) : IUpstream, IDisposable
{
    private const long RefusedStream = 7;
    private const int InternalError = 2;

    /// <summary>How often a request is handed to .NET's client, which sends an unprocessed one four times itself.</summary>
    private const int MaxUnprocessed = 4;
    private static readonly TimeSpan RequestEndGrace = TimeSpan.FromMilliseconds(50);

    private readonly ClientPools _pools = new(options);
    private readonly ILogger _logger = options.LoggerFactory.CreateLogger<Http2Upstream>();

    public async ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        var hasBody = context.Features.Get<IHttpRequestBodyDetectionFeature>()?.CanHaveBody ?? true;

        // A request that may have been sent twice is never sent again, so it must not use a reused connection that may be closed.
        var resent = target.Resent || context.Request.Headers.ContainsKey(DataplaneHeaders.Resent);
        var again = false;
        for (var sessions = 1; ; sessions++)
        {
            var body = new Http2RequestBody(hasBody ? context.Request.BodyReader : null, context.Request.ContentLength);
            using var request = Http2Head.Request(context, target, body);
            using var ended = CancellationTokenSource.CreateLinkedTokenSource(cancellation, context.RequestAborted);
            using var fresh = resent ? _pools.Fresh(target.Tls) : null;
            var (answered, delivered) = (false, false);
            Exception failure;
            try
            {
                using var response = await (fresh ?? _pools.For(target.Tls)).SendAsync(request, ended.Token);
                answered = true;
                var unserved = Http2Head.Unserved(response);
                if (target.IsQueueProxy && unserved is UpstreamResult.Unsent or UpstreamResult.Lost)
                {
                    await ended.CancelAsync();
                    await body.EndAsync(TimeSpan.Zero);
                    if (body.IsUnread)
                        return UnservedOf(context, unserved);
                    return await FailAsync(
                        context,
                        target,
                        null,
                        "the program refused the connection, and too much of the request's body was read to send it to another"
                    );
                }

                body.Release();
                Http2Head.Copy(response, context.Response);
                await CopyBodyAsync(context, response, ended.Token);
                Http2Head.CopyTrailers(response, context.Response);
                await context.Response.CompleteAsync();
                delivered = true;
                await body.EndAsync(RequestEndGrace);
                return target.IsQueueProxy ? unserved : UpstreamResult.Done;
            }
            catch (Exception exception)
                when (exception
                        is HttpRequestException
                            or IOException
                            or OperationCanceledException
                            or ObjectDisposedException
                            or InvalidOperationException
                )
            {
                failure = exception;
            }
            finally
            {
                // Whatever the outcome, the client's body must not be read after this returns.
                if (!delivered)
                    await ended.CancelAsync();
                await body.EndAsync(TimeSpan.Zero);
            }

            if (
                !answered
                && body.IsUnread
                && sessions < MaxUnprocessed
                && IsOverLastStream(failure)
                && !cancellation.IsCancellationRequested
                && !context.RequestAborted.IsCancellationRequested
            )
                continue;

            var lost =
                !resent
                && !answered
                && IsLoss(failure)
                && !cancellation.IsCancellationRequested
                && !context.RequestAborted.IsCancellationRequested
                && RequestShape.Of(context).IsReplayable(context.Request.Method);
            var used = lost && _pools.WasUsed(request);
            if (!lost || (!used && !target.IsQueueProxy))
                return await OutcomeAsync(context, target, body, failure, again, cancellation);

            // The next hop, here or behind the destination, must not send it a third time.
            context.Request.Headers[DataplaneHeaders.Resent] = "true";

            // A queue-proxy or an activator responds whatever its program does: when its session ends, it is dying itself. It may still
            // accept connections meanwhile, so the request goes elsewhere at once.
            if (target.IsQueueProxy)
            {
                LogNotConnected(target.Address, failure.Message);
                return UpstreamResult.Lost;
            }

            resent = again = true;
        }
    }

    public void Dispose() => _pools.Dispose();

    private static UpstreamResult UnservedOf(HttpContext context, UpstreamResult unserved)
    {
        if (unserved == UpstreamResult.Lost)
            context.Request.Headers[DataplaneHeaders.Resent] = "true";
        return unserved;
    }

    private static async ValueTask CopyBodyAsync(HttpContext context, HttpResponseMessage response, CancellationToken cancellation)
    {
        var (status, method) = (context.Response.StatusCode, context.Request.Method);
        if (
            HttpMethods.IsHead(method)
            || status is StatusCodes.Status204NoContent or StatusCodes.Status205ResetContent or StatusCodes.Status304NotModified
        )
            return;
        await using var body = await response.Content.ReadAsStreamAsync(cancellation);

        // A client may need a stream's headers long before the first message. A gRPC response without messages must put them into the
        // header block that ends the stream. A zero-byte read waits for data or the end.
        var waiting = body.ReadAsync(Memory<byte>.Empty, cancellation);
        if (!context.Response.Headers.ContainsKey("grpc-status"))
        {
            await context.Response.StartAsync(cancellation);
            if (!waiting.IsCompleted)
                await context.Response.Body.FlushAsync(cancellation);
        }

        await waiting;
        var writer = context.Response.BodyWriter;
        var turn = new CopyTurn();
        while (true)
        {
            var read = await body.ReadAsync(writer.GetMemory(), cancellation);
            if (read == 0)
                return;
            writer.Advance(read);
            if ((await writer.FlushAsync(cancellation)).IsCompleted)
                throw new OperationCanceledException("The client disconnected before it read the whole response.");
            if (turn.IsOver(read))
                await Task.Yield();
        }
    }

    private async ValueTask<UpstreamResult> OutcomeAsync(
        HttpContext context,
        UpstreamTarget target,
        Http2RequestBody body,
        Exception failure,
        bool again,
        CancellationToken cancellation
    )
    {
        var response = context.Response;

        // A disconnected client is the cause, whatever else failed because of it.
        if (cancellation.IsCancellationRequested || context.RequestAborted.IsCancellationRequested)
        {
            // The caller decides how a started response ends.
            if (!response.HasStarted)
                response.Clear();
            return UpstreamResult.Canceled;
        }

        if (response.HasStarted)
        {
            LogFailed(target.Address, failure.Message);
            Cut(context, failure);
            return UpstreamResult.Failed;
        }

        if (body.ClientFailure is { } mistake)
        {
            LogFailed(target.Address, failure.Message);
            var bad = mistake as BadHttpRequestException;
            await PlainText.WriteErrorAsync(
                context,
                bad?.StatusCode ?? StatusCodes.Status400BadRequest,
                bad?.Message ?? "the request ended before its body did"
            );
            return UpstreamResult.BadRequest;
        }

        if (body.IsUnread && IsUnprocessed(failure))
        {
            LogNotConnected(target.Address, failure.Message);
            response.Clear();
            return again ? UpstreamResult.Lost : UpstreamResult.NotConnected;
        }

        var secure =
            failure
            is HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError }
                or HttpRequestException { InnerException: System.Security.Authentication.AuthenticationException };
        return await FailAsync(
            context,
            target,
            failure.Message,
            secure
                ? "the TLS certificate of the destination could not be verified"
                : "the program ended the connection or the stream without a response"
        );
    }

    private async ValueTask<UpstreamResult> FailAsync(HttpContext context, UpstreamTarget target, string? failure, string reason)
    {
        LogFailed(target.Address, failure ?? reason);
        await PlainText.WriteErrorAsync(
            context,
            StatusCodes.Status502BadGateway,
            reason,
            unserved: target.IsProgram ? Unserved.Failed : null
        );
        return UpstreamResult.Failed;
    }

    private static bool IsUnprocessed(Exception failure)
    {
        if (failure is not HttpRequestException http)
            return false;
        return http.HttpRequestError is HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError
            || Protocol(failure) is { ErrorCode: RefusedStream }
            || IsOverLastStream(failure);
    }

    // The server ended its session, without an error, before it processed the request, as often as .NET's client tries. The report of a
    // stream that was reset without an error, whose request may have been processed, differs only by its text, which is the same in every
    // culture.
    private static bool IsOverLastStream(Exception failure) =>
        failure is HttpRequestException { InnerException: HttpProtocolException { ErrorCode: 0 } report }
        && report.Message.Contains("connection", StringComparison.Ordinal);

    // The connection ended without an HTTP/2 report on the request.
    private static bool IsLoss(Exception failure) =>
        failure is HttpRequestException { HttpRequestError: HttpRequestError.Unknown or HttpRequestError.ResponseEnded }
        && Protocol(failure) is null;

    private static HttpProtocolException? Protocol(Exception? failure)
    {
        for (; failure is not null; failure = failure.InnerException)
        {
            if (failure is HttpProtocolException protocol)
                return protocol;
        }

        return null;
    }

    // A truncated response must not look complete. An HTTP/2 client gets the error code with which the program ended the stream.
    private static void Cut(HttpContext context, Exception failure)
    {
        if (context.Features.Get<IHttpResetFeature>() is { } stream)
            stream.Reset(Protocol(failure) is { ErrorCode: > 0 and <= int.MaxValue } known ? (int)known.ErrorCode : InternalError);
        else
            context.Abort();
    }

    [LoggerMessage(1, LogLevel.Warning, "Forwarding to {Address} failed: {Reason}")]
    private partial void LogFailed(string address, string reason);

    [LoggerMessage(2, LogLevel.Debug, "No connection to {Address}: {Reason}")]
    private partial void LogNotConnected(string address, string reason);
}

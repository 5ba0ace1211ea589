using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// Forwards over HTTP/1.1 directly between the socket (or its TLS stream) and Kestrel's pipes. Unlike an HTTP client it reads the response
/// while the request is still being sent, and it starts without services of a host.
/// </summary>
internal sealed partial class Http1Upstream : IUpstream, IDisposable
{
    private readonly UpstreamOptions _options;
    private readonly ILogger _logger;
    private readonly ConcurrentDictionary<Destination, Http1Pool> _pools = new();
    private readonly BackgroundTimer _sweeper;
    private volatile bool _disposed;

    public Http1Upstream(UpstreamOptions options)
    {
        _options = options;
        _logger = options.LoggerFactory.CreateLogger<Http1Upstream>();
        _sweeper = BackgroundTimer.Every(TimeProvider.System, "Closing idle connections", options.IdleConnectionTimeout / 2, Sweep);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<UpstreamResult> ForwardAsync(HttpContext context, UpstreamTarget target, CancellationToken cancellation)
    {
        var shape = RequestShape.Of(context);
        var pool = _pools.GetOrAdd(
            new Destination(target.Address, target.Tls),
            static (_, most) => new Http1Pool(most),
            _options.MostIdleConnections
        );

        // A request that may have been sent twice is never sent again, so it must not use an idle connection that may be closed.
        var resent = target.Resent || context.Request.Headers.ContainsKey(DataplaneHeaders.Resent);
        var connection = resent ? null : pool.Take();
        var again = false;
        while (true)
        {
            if (connection is null)
            {
                try
                {
                    connection = await ConnectAsync(target.Address, target.Tls, cancellation);
                }
                catch (OperationCanceledException)
                {
                    return UpstreamResult.Canceled;
                }
                catch (Exception exception) when (exception is SocketException or TimeoutException or IOException)
                {
                    LogNotConnected(_logger, exception.Message, target.Address);
                    return again ? UpstreamResult.Lost : UpstreamResult.NotConnected;
                }
                catch (AuthenticationException exception)
                {
                    LogFailed(_logger, target.Address, exception.Message);
                    await PlainText.WriteErrorAsync(
                        context,
                        StatusCodes.Status502BadGateway,
                        "the TLS certificate of the destination could not be verified"
                    );
                    return UpstreamResult.Failed;
                }
            }

            var exchange = connection.Exchange;
            var reused = connection.IsReused;
            var outcome = Http1Outcome.Failed;
            var unserved = UpstreamResult.Done;
            try
            {
                outcome = await exchange.RunAsync(context, target, shape, cancellation);
                unserved = exchange.Unserved;
            }
            finally
            {
                GiveBack(pool, connection);
            }

            if (outcome == Http1Outcome.Done)
                return unserved;

            // The peer may close an idle connection just as it is reused. That does not apply to a new one: the request was being
            // processed, unless a queue-proxy or an activator is there. It responds whatever its program does: when its connection ends, it
            // is dying itself.
            var lost =
                outcome == Http1Outcome.Stale
                && !resent
                && !again
                && (reused || target.IsQueueProxy)
                && shape.IsReplayable(context.Request.Method);
            if (!lost)
                return await OutcomeAsync(context, target, shape, exchange, outcome);

            // The next hop, here or behind the destination, must not send it a third time.
            context.Request.Headers[DataplaneHeaders.Resent] = "true";

            // A dying process may still accept connections, so the request goes elsewhere at once.
            if (target.IsQueueProxy)
            {
                LogNotConnected(_logger, "the connection ended without a response", target.Address);
                return UpstreamResult.Lost;
            }

            again = true;
            connection = null;
        }
    }

    public void Dispose()
    {
        _disposed = true;
        _sweeper.Dispose();
        foreach (var pool in _pools.Values)
            pool.Sweep(long.MaxValue);
    }

    private async ValueTask<UpstreamResult> OutcomeAsync(
        HttpContext context,
        UpstreamTarget target,
        RequestShape shape,
        Http1Exchange exchange,
        Http1Outcome outcome
    )
    {
        var response = context.Response;
        if (outcome == Http1Outcome.Canceled)
        {
            // The caller decides how a started response ends.
            if (!response.HasStarted)
                response.Clear();
            return UpstreamResult.Canceled;
        }

        if (outcome == Http1Outcome.Unserved && (!shape.HasBody || exchange.IsBodyUnread))
        {
            response.Clear();
            if (exchange.Unserved == UpstreamResult.Lost)
                context.Request.Headers[DataplaneHeaders.Resent] = "true";
            return exchange.Unserved;
        }

        LogFailed(
            _logger,
            target.Address,
            outcome == Http1Outcome.Unserved ? "the program did not get the request" : exchange.Failure?.Message
        );
        if (response.HasStarted)
        {
            context.Abort();
            return UpstreamResult.Failed;
        }

        if (!exchange.FailedByClient)
        {
            await PlainText.WriteErrorAsync(
                context,
                StatusCodes.Status502BadGateway,
                Reason(outcome, exchange.Failure),
                unserved: target.IsProgram ? Unserved.Failed : null
            );
            return UpstreamResult.Failed;
        }

        var bad = exchange.Failure as BadHttpRequestException;
        await PlainText.WriteErrorAsync(
            context,
            bad?.StatusCode ?? StatusCodes.Status400BadRequest,
            bad?.Message ?? "the request ended before its body did"
        );
        return UpstreamResult.BadRequest;
    }

    // Socket errors may contain addresses, which must not reach clients.
    private static string Reason(Http1Outcome outcome, Exception? failure) =>
        (outcome, failure) switch
        {
            (Http1Outcome.Unserved, _) =>
                "the program refused the connection, and too much of the request's body was read to send it to another",
            (_, Http1FormatException malformed) => malformed.Message,
            (Http1Outcome.Stale, _) => "the program closed the connection without a response",
            _ => "the program closed the connection before its response was complete",
        };

    private void GiveBack(Http1Pool pool, Http1Connection connection)
    {
        connection.IsReused = true;
        connection.IdleSince = TimeProvider.System.GetTimestamp();
        if (!connection.Exchange.IsReusable || _disposed || !pool.TryKeep(connection))
            connection.Dispose();
    }

    private async ValueTask<Http1Connection> ConnectAsync(string address, UpstreamTls? tls, CancellationToken cancellation)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        deadline.CancelAfter(_options.ConnectTimeout);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await socket.ConnectAsync(EndPointOf(address), deadline.Token);
            return tls is null
                ? new Http1Connection(socket, null, _options.HeadBudget)
                : new Http1Connection(
                    socket,
                    await TlsHandshake.OverAsync(
                        new NetworkStream(socket, ownsSocket: true),
                        tls,
                        SslApplicationProtocol.Http11,
                        deadline.Token
                    ),
                    _options.HeadBudget
                );
        }
        catch (Exception exception)
        {
            socket.Dispose();
            if (exception is not OperationCanceledException || cancellation.IsCancellationRequested)
                throw;
            throw new TimeoutException($"No connection within {_options.ConnectTimeout}.");
        }
    }

    private static EndPoint EndPointOf(string address)
    {
        if (IPEndPoint.TryParse(address, out var endpoint))
            return endpoint;
        var colon = address.LastIndexOf(':');
        return new DnsEndPoint(address[..colon], int.Parse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture));
    }

    private void Sweep()
    {
        var oldest =
            TimeProvider.System.GetTimestamp()
            - (long)(_options.IdleConnectionTimeout.TotalSeconds * TimeProvider.System.TimestampFrequency);
        foreach (var entry in _pools)
        {
            if (entry.Value.Sweep(oldest))
                _pools.TryRemove(entry);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Forwarding to {Address} failed: {Reason}")]
    private static partial void LogFailed(ILogger logger, string address, string? reason);

    [LoggerMessage(2, LogLevel.Debug, "No connection to {Address}: {Reason}")]
    private static partial void LogNotConnected(ILogger logger, string reason, string address);

    /// <summary>The key by which a connection is reused: the same address with the same TLS verification.</summary>
    private readonly record struct Destination(string Address, UpstreamTls? Tls);
}

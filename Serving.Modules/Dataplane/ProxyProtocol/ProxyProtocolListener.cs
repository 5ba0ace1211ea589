using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;
using Serving.Concurrency;
using Serving.Dataplane.Servers;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>
/// Reads the header of the PROXY protocol, before TLS or HTTP, and gives the connection the address of the client that it names. A
/// connection that breaks the policy is closed without a response: its peer does not speak the protocol, or is not who it claims.
/// </summary>
/// <param name="next">Serves the connection after its header.</param>
/// <param name="limits">The current limits of the server, of which a new connection uses the policy and the time limit of heads.</param>
/// <param name="logger">Logs refused connections.</param>
/// <param name="time">The clock.</param>
internal sealed partial class ProxyProtocolListener(ConnectionDelegate next, Func<ServerLimits> limits, ILogger logger, TimeProvider time)
{
    public Task OnConnectionAsync(ConnectionContext connection)
    {
        var now = limits();
        return now.ProxyProtocol is { } policy ? ServeAsync(connection, policy, now.HeadersTimeout) : next(connection);
    }

    private async Task ServeAsync(ConnectionContext connection, ProxyProtocolPolicy policy, TimeSpan timeout)
    {
        var isSource = connection.RemoteEndPoint is IPEndPoint peer && policy.IsSource(peer.Address);
        if (isSource || policy.IsRequired)
        {
            var (state, header) = await ReceiveAsync(connection, timeout);
            if (Problem(state, header, policy.IsRequired, isSource) is { } problem)
            {
                Refuse(connection, problem);
                return;
            }

            if (state is null or ProxyHeaderState.Incomplete)
                return;
            if (header.Source is { } client)
                connection.RemoteEndPoint = client;
        }

        await next(connection);
    }

    /// <summary>Why the connection is refused; null to serve it, or when it was closed before its first byte, as the health checks of load
    /// balancers do.</summary>
    private static string? Problem(ProxyHeaderState? state, ProxyHeader header, bool isRequired, bool isSource) =>
        state switch
        {
            null when isRequired => "no complete header arrived in time",
            ProxyHeaderState.Malformed => "its header is malformed or too long",
            ProxyHeaderState.Absent when isRequired => "it begins with no header",
            ProxyHeaderState.Complete when header.Source is not null && !isSource => "it names a client, and is not a trusted source",
            _ => null,
        };

    /// <summary>Waits for the header. A method of its own, so that the timer does not live as long as the connection.</summary>
    /// <returns>The state, null after the time limit, and the header.</returns>
    private async Task<(ProxyHeaderState? State, ProxyHeader Header)> ReceiveAsync(ConnectionContext connection, TimeSpan timeout)
    {
        using var deadline = new CancellationTokenSource(timeout, time);
        await using var closed = connection.ConnectionClosed.UnsafeRegister(
            static state => ((CancellationTokenSource)state!).CancelSafely(),
            deadline
        );
        var input = connection.Transport.Input;
        while (true)
        {
            try
            {
                var read = await input.ReadAsync(deadline.Token);
                var state = ProxyHeaderParser.Parse(read.Buffer, out var header);
                if (state == ProxyHeaderState.Complete)
                {
                    input.AdvanceTo(read.Buffer.GetPosition(header.Length));
                    return (state, header);
                }

                var isWhole = state != ProxyHeaderState.Incomplete || read.IsCompleted;
                if (read.IsCompleted && state == ProxyHeaderState.Incomplete && !read.Buffer.IsEmpty)
                    state = ProxyHeaderState.Malformed;
                input.AdvanceTo(read.Buffer.Start, isWhole ? read.Buffer.Start : read.Buffer.End);
                if (isWhole)
                    return (state, default);
            }
            catch (OperationCanceledException)
            {
                return connection.ConnectionClosed.IsCancellationRequested ? (ProxyHeaderState.Incomplete, default) : (null, default);
            }
            catch (Exception exception) when (exception is ConnectionResetException or ConnectionAbortedException)
            {
                return (ProxyHeaderState.Incomplete, default);
            }
        }
    }

    private void Refuse(ConnectionContext connection, string problem)
    {
        RefusedRequests.Count(RefusedRequests.ProxyProtocol);
        LogRefused(logger, connection.LocalEndPoint, $"{connection.RemoteEndPoint}: {problem}");
        connection.Abort(new ConnectionAbortedException(problem));
    }

    [LoggerMessage(1, LogLevel.Warning, "Closed a connection to {Listener}, which expects the PROXY protocol, from {Reason}")]
    private static partial void LogRefused(ILogger logger, EndPoint? listener, string reason);
}

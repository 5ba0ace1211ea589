using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>Bounds the connections of one port; one too many is closed, and that is logged.</summary>
/// <param name="port">The port's name, for the log.</param>
/// <param name="most">Connections at once.</param>
/// <param name="logger">Where it logs.</param>
internal sealed partial class ConnectionLimit(string port, int most, ILogger logger)
{
    private int _connections;

    /// <summary>Serves a connection by <paramref name="next"/>, or closes it.</summary>
    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _connections) > most)
            {
                LogFull(logger, port, most);
                connection.Abort();
                return;
            }

            await next(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _connections);
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "A connection to the {Port} port is closed: there are {Most} already")]
    private static partial void LogFull(ILogger logger, string port, int most);
}

using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Serving.Kubernetes.Hosting;

/// <summary>Limits the connections of one port; excess connections are closed, and that is logged.</summary>
/// <param name="port">The port's name, for the log.</param>
/// <param name="most">Maximum number of concurrent connections.</param>
/// <param name="logger">Logger.</param>
internal sealed partial class ConnectionLimit(string port, int most, ILogger logger)
{
    private int _connections;

    /// <summary>Passes a connection to <paramref name="next"/>, or closes it.</summary>
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

    [LoggerMessage(1, LogLevel.Warning, "Closed a connection to the {Port} port: the limit of {Most} connections is reached")]
    private static partial void LogFull(ILogger logger, string port, int most);
}

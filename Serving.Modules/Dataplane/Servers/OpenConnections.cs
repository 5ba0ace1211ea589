using System.Net;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.Logging;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Counts the connections of a server, over all of its endpoints, and closes those beyond the limit. Kestrel's own limit cannot change
/// while it serves.
/// </summary>
/// <param name="limits">The current limits.</param>
/// <param name="logger">Logs closed connections.</param>
internal sealed partial class OpenConnections(Func<ServerLimits> limits, ILogger logger)
{
    private long _count;

    /// <summary>Open connections that count towards the limit.</summary>
    public long Count => Interlocked.Read(ref _count);

    /// <summary>Passes a connection to <paramref name="next"/>, or closes it.</summary>
    public async Task OnConnectionAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var now = limits();
        var place = new Place(this);
        try
        {
            if (Interlocked.Increment(ref _count) > (now.MaxConnections ?? long.MaxValue))
            {
                RefusedRequests.Count(RefusedRequests.Connections);
                LogFull(logger, connection.LocalEndPoint, now.MaxConnections);
                connection.Abort(new ConnectionAbortedException("The limit of connections is reached."));
                return;
            }

            if (!now.CountsUpgraded)
                connection.Features.Set<IDecrementConcurrentConnectionCountFeature>(place);
            if (now.MaxRequestsPerConnection > 0)
                connection.Features.Set(new RequestCount());
            await next(connection);
        }
        finally
        {
            place.ReleaseConnection();
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "Closed a connection to {Listener}: the limit of {Most} connections is reached")]
    private static partial void LogFull(ILogger logger, EndPoint? listener, long? most);

    /// <summary>What a connection takes of the limit; the server gives it back early when the connection is upgraded.</summary>
    private sealed class Place(OpenConnections connections) : IDecrementConcurrentConnectionCountFeature
    {
        private int _released;

        public void ReleaseConnection()
        {
            if (Interlocked.Exchange(ref _released, 1) == 0)
                Interlocked.Decrement(ref connections._count);
        }
    }
}

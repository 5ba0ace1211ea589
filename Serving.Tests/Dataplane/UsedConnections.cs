using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Serving.Tests.Dataplane;

/// <summary>A handler that serves one request per connection and closes it when the next one arrives, like a server that closes idle connections.</summary>
internal sealed class UsedConnections
{
    private readonly ConcurrentDictionary<string, bool> _used = new();
    private int _closed;

    /// <summary>Requests that were sent on a connection being closed.</summary>
    public int Closed => _closed;

    public Task HandleAsync(HttpContext context)
    {
        if (_used.TryAdd(context.Connection.Id, true)) return context.Response.WriteAsync("ok");
        Interlocked.Increment(ref _closed);
        context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
        return Task.CompletedTask;
    }
}

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;

namespace Serving.Tests.Dataplane;

/// <summary>A server's handler that serves one request a connection and closes it the moment the next arrives, as one does that had just decided to.</summary>
internal sealed class UsedConnections
{
    private readonly ConcurrentDictionary<string, bool> _used = new();
    private int _closed;

    /// <summary>Requests that met the end of their connection.</summary>
    public int Closed => _closed;

    public Task HandleAsync(HttpContext context)
    {
        if (_used.TryAdd(context.Connection.Id, true)) return context.Response.WriteAsync("ok");
        Interlocked.Increment(ref _closed);
        context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
        return Task.CompletedTask;
    }
}

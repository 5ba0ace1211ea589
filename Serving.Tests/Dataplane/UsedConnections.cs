using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;

namespace Serving.Tests.Dataplane;

/// <summary>A destination that closes a reused connection under a request, as a server does whose connections idle out.</summary>
/// <param name="onlyResent">Whether to close it only under requests that were sent before.</param>
internal sealed class UsedConnections(bool onlyResent = false)
{
    private readonly ConcurrentDictionary<string, bool> _used = new();
    private int _resent;
    private int _closed;

    /// <summary>The number of requests that had been sent before.</summary>
    public int Resent => _resent;

    /// <summary>The number of requests that arrived on a connection which was then closed.</summary>
    public int Closed => _closed;

    public Task HandleAsync(HttpContext context)
    {
        var fresh = _used.TryAdd(context.Connection.Id, true);
        var resent = context.Request.Headers.ContainsKey(DataplaneHeaders.Resent);
        if (resent)
            Interlocked.Increment(ref _resent);
        if (fresh || (onlyResent && !resent))
            return context.Response.WriteAsync("ok");
        Interlocked.Increment(ref _closed);
        context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
        return Task.CompletedTask;
    }
}

using System.Collections.Concurrent;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Serving.Dataplane;

namespace Serving.Tests.Dataplane;

/// <summary>A destination that closes a reused connection under every request which was sent before, as one whose connection is about to idle out.</summary>
internal sealed class UsedConnections
{
    private readonly ConcurrentDictionary<string, bool> _used = new();
    private int _resent;

    /// <summary>The requests which came again.</summary>
    public int Resent => _resent;

    public Task HandleAsync(HttpContext context)
    {
        var fresh = _used.TryAdd(context.Connection.Id, true);
        if (context.Request.Headers.ContainsKey(DataplaneHeaders.Resent))
        {
            Interlocked.Increment(ref _resent);
            if (!fresh)
                context.Features.Get<IConnectionLifetimeFeature>()!.Abort();
        }

        return context.Response.WriteAsync("ok");
    }
}

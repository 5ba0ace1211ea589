using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Serving.Dataplane.Requests;

/// <summary>A response body that reports each write.</summary>
internal sealed class WatchedBody(IHttpResponseBodyFeature inner, Action<bool> transferred)
    : StreamResponseBodyFeature(new WatchedStream(inner.Stream, transferred))
{
    public override void DisableBuffering() => inner.DisableBuffering();

    public override Task StartAsync(CancellationToken cancellationToken = default)
    {
        transferred(true);
        return inner.StartAsync(cancellationToken);
    }

    public override async Task CompleteAsync()
    {
        await base.CompleteAsync();
        await inner.CompleteAsync();
    }
}

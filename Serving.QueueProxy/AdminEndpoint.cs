using Microsoft.AspNetCore.Http;

namespace Serving.QueueProxy;

/// <summary>
/// Serves <c>/wait-for-drain</c>, which the user container's preStop hook calls so that the container outlives its
/// requests.
/// </summary>
internal sealed class AdminEndpoint(Drainer drainer, TimeProvider time, CancellationToken terminated)
{
    private static readonly TimeSpan TerminationDelay = TimeSpan.FromSeconds(1);

    public async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path != "/wait-for-drain")
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var drained = drainer.DrainAsync();
        _ = TakeBackUnlessTerminatedAsync();
        await drained;
    }

    // When the sidecar itself is not told to end, only the user container restarts, and requests must go on.
    private async Task TakeBackUnlessTerminatedAsync()
    {
        try
        {
            await Task.Delay(TerminationDelay, time, terminated);
            drainer.Reset();
        }
        catch (OperationCanceledException)
        {
            // The pod is going; the drain stands.
        }
    }
}

using Microsoft.AspNetCore.Http;
using Serving.Concurrency;
using Serving.Dataplane.Requests;

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
            await PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "there is only /wait-for-drain here");
            return;
        }

        var drained = drainer.DrainAsync();
        BackgroundFailure.Watch("Taking a drain back", TakeBackUnlessTerminatedAsync());
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

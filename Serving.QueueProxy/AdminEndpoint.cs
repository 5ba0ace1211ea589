using Microsoft.AspNetCore.Http;
using Serving.Concurrency;
using Serving.Dataplane.Requests;

namespace Serving.QueueProxy;

/// <summary>
/// Serves <c>/wait-for-drain</c>, which the user container's preStop hook calls so that the container keeps running until its requests are
/// done.
/// </summary>
internal sealed class AdminEndpoint(Drainer drainer, TimeProvider time, CancellationToken terminated)
{
    private static readonly TimeSpan TerminationDelay = TimeSpan.FromSeconds(1);

    public async Task HandleAsync(HttpContext context)
    {
        if (context.Request.Path != "/wait-for-drain")
        {
            await PlainText.WriteErrorAsync(context, StatusCodes.Status404NotFound, "only /wait-for-drain is served on this port");
            return;
        }

        var drained = drainer.DrainAsync();
        BackgroundFailure.Watch("Reverting a drain", TakeBackUnlessTerminatedAsync());
        await drained;
    }

    // If the sidecar itself is not being terminated, only the user container restarts and requests must continue.
    private async Task TakeBackUnlessTerminatedAsync()
    {
        try
        {
            await Task.Delay(TerminationDelay, time, terminated);
            drainer.Reset();
        }
        catch (OperationCanceledException)
        {
            // The pod is terminating; the drain continues.
        }
    }
}

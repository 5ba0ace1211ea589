using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A feature of requests that may write: holds their response back until what they wrote is on disk.</summary>
internal sealed class WriteBarrier(ObjectStore store)
{
    /// <summary>Waits for the disk.</summary>
    /// <exception cref="ApiException">500: it cannot be written; the change is made all the same, and lost if the process is killed before it can be.</exception>
    public async Task PassAsync(CancellationToken cancellation)
    {
        try
        {
            await store.WrittenAsync().WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (IOException failure)
        {
            throw ApiException.Internal($"{failure.Message}; free some space or make it writable, then try again");
        }
    }
}

using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A feature of requests that may write: delays their response until the write is on disk.</summary>
internal sealed class WriteBarrier(ObjectStore store)
{
    /// <summary>Waits until the writes are on disk.</summary>
    /// <exception cref="ApiException">500: the disk cannot be written; the change is in memory, and is lost if the process is killed
    /// before a retry succeeds.</exception>
    public async Task PassAsync(CancellationToken cancellation)
    {
        try
        {
            await store.WrittenAsync().WaitAsync(cancellation);
        }
        catch (IOException failure)
        {
            throw ApiException.Internal($"{failure.Message}; free some space or make it writable, then try again");
        }
    }
}

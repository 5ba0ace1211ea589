namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>The total bytes of the events of all collections: thousands of large, frequently changing objects would fill the
/// memory.</summary>
internal sealed class HistoryBudget
{
    /// <summary>The bound; a watch that would resume from a dropped event must list again.</summary>
    public const long Most = 64L << 20;

    private long _held;

    /// <summary>The current total.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Whether events must be dropped.</summary>
    public bool IsExceeded => Held > Most;

    /// <summary>Adds to the total; may be negative.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _held, bytes);
}

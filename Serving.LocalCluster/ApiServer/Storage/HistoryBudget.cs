namespace Serving.LocalCluster.ApiServer.Storage;

/// <summary>The bytes that the events of all collections hold together: thousands of large objects that change often would fill the memory.</summary>
internal sealed class HistoryBudget
{
    /// <summary>As many are kept; a watch that would resume from what was forgotten is told to list again.</summary>
    public const long Most = 64L << 20;

    private long _held;

    /// <summary>How many are held.</summary>
    public long Held => Interlocked.Read(ref _held);

    /// <summary>Whether events must be forgotten.</summary>
    public bool IsExceeded => Held > Most;

    /// <summary>Counts more, or less.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _held, bytes);
}

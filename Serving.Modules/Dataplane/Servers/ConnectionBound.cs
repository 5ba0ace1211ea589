namespace Serving.Dataplane;

/// <summary>How many connections a server may have by the memory of the process.</summary>
public static class ConnectionBound
{
    private const int PerConnection = 64 * 1024;
    private const int Least = 1024;
    private const int Most = 32768;

    /// <summary>One for each 64 KiB that the runtime may use (a container's limit counts), 1024 to 32768.</summary>
    public static int OfMemory { get; } = (int)Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PerConnection, Least, Most);
}

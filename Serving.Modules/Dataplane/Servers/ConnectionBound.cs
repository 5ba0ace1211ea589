namespace Serving.Dataplane.Servers;

/// <summary>Derives a server's connection limit from the memory of the process.</summary>
public static class ConnectionBound
{
    private const int PerConnection = 64 * 1024;
    private const int Least = 1024;
    private const int Most = 32768;

    /// <summary>One connection per 64 KiB of memory available to the runtime (honours container limits), between 1024 and 32768.</summary>
    public static int OfMemory { get; } = (int)Math.Clamp(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / PerConnection, Least, Most);
}

namespace Serving.Concurrency.Sockets;

/// <summary>
/// Runs completions of sockets on the thread that polls them instead of the thread pool: a proxied request then changes threads nowhere,
/// which halves its cost. What is not the data path must leave that thread at once: clients by <see cref="PoolConnections"/>, code that
/// awaits a socket itself by <see cref="PoolThread"/>; Kestrel's servers do so unless they are told otherwise.
/// </summary>
public static class InlineCompletions
{
    /// <summary>The setting of .NET, which is read when the process creates its first socket.</summary>
    internal const string Variable = "DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS";

    /// <summary>Turns them on; must be called before the first socket is created. There is one polling thread per processor.</summary>
    public static void Enable() => Environment.SetEnvironmentVariable(Variable, "1");
}

namespace Serving.Networking.Gateway.Backends;

/// <summary>A port of a Service that routes lead to. Routes hold on to it; what it stands for changes under them at once.</summary>
internal sealed class Backend(BackendKey key)
{
    private const int MaxAliases = 8;

    private BackendState state = new();

    public BackendKey Key => key;

    public BackendState State => Volatile.Read(ref state);

    /// <summary>Whether a request could be sent somewhere now.</summary>
    public bool Available => Resolve() is var now && (now.Endpoints.Length > 0 || now.LeadsToGateway);

    /// <summary>The state of what it stands for in the end: its own, or that of the last in a chain of aliases. A circle stands for nothing.</summary>
    public BackendState Resolve()
    {
        var state = State;
        for (var depth = 0; state.Alias is { } alias && depth < MaxAliases; depth++)
        {
            state = alias.State;
        }

        return state;
    }

    public void Replace(BackendState next) => Interlocked.Exchange(ref state, next).Retire();
}

namespace Serving.Networking.Gateway.Backends;

/// <summary>A Service port that routes refer to. Routes keep a reference; its state changes at once without changing the routes.</summary>
internal sealed class Backend(BackendKey key)
{
    private const int MaxAliases = 8;

    private BackendState _state = new();

    public BackendKey Key => key;

    public BackendState State => Volatile.Read(ref _state);

    /// <summary>Whether it has an endpoint now.</summary>
    public bool Available => Resolve() is var now && (now.Endpoints.Length > 0 || now.LeadsToGateway);

    /// <summary>The effective state: its own, or that of the last backend in a chain of aliases. A cycle has no state.</summary>
    public BackendState Resolve()
    {
        var state = State;
        for (var depth = 0; state.Alias is { } alias && depth < MaxAliases; depth++)
        {
            state = alias.State;
        }

        return state;
    }

    public void Replace(BackendState next) => Interlocked.Exchange(ref _state, next).Retire();
}

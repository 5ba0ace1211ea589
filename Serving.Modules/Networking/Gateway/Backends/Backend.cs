namespace Serving.Networking.Gateway.Backends;

/// <summary>A port of a Service that routes lead to. Routes hold on to it; what it stands for changes under them at once.</summary>
internal sealed class Backend(BackendKey key)
{
    private BackendState state = new();

    public BackendKey Key => key;

    public BackendState State => Volatile.Read(ref state);

    /// <summary>Whether a request could be sent somewhere now.</summary>
    public bool Available => State is { } now && (now.Endpoints.Length > 0 || now.LeadsToGateway || now.Alias?.Available == true);

    public void Replace(BackendState next) => Interlocked.Exchange(ref state, next).Retire();
}

using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Serving.Dataplane.Servers;

/// <summary>An endpoint that never receives a connection.</summary>
internal sealed class SilentEndPoint : EndPoint
{
    public const string Name = "silent-endpoint";

    public static SilentEndPoint Instance { get; } = new();

    public override string ToString() => Name;
}

/// <summary>Creates a listener that accepts nothing for <see cref="SilentEndPoint"/>, and delegates every other endpoint to the real
/// transport.</summary>
internal sealed class SilentEndpointTransport(IConnectionListenerFactory inner)
    : IConnectionListenerFactory,
        IConnectionListenerFactorySelector
{
    public bool CanBind(EndPoint endpoint) => endpoint is SilentEndPoint or IPEndPoint;

    public ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        endpoint is SilentEndPoint ? new(new SilentListener()) : inner.BindAsync(endpoint, cancellationToken);

    private sealed class SilentListener : IConnectionListener
    {
        private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public EndPoint EndPoint => SilentEndPoint.Instance;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            await _closed.Task.WaitAsync(cancellationToken);
            return null;
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            _closed.TrySetResult();
            return default;
        }

        public ValueTask DisposeAsync() => UnbindAsync();
    }
}

using System.Net;
using System.Net.Sockets;

namespace Serving.Tests.Support;

/// <summary>An address where connections are neither established nor refused, like that of a node without network: its accept queue is
/// full.</summary>
internal sealed class BlackHole : IDisposable
{
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly List<Socket> _queued = [];

    private BlackHole()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(0);
    }

    public IPEndPoint EndPoint => (IPEndPoint)_listener.LocalEndPoint!;

    /// <summary>Fills the queue until connections are no longer established.</summary>
    public static async Task<BlackHole> OpenAsync()
    {
        var hole = new BlackHole();
        while (true)
        {
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            hole._queued.Add(socket);
            using var limit = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
            try
            {
                await socket.ConnectAsync(hole.EndPoint, limit.Token);
            }
            catch (OperationCanceledException)
            {
                return hole;
            }
        }
    }

    public void Dispose()
    {
        foreach (var socket in _queued)
            socket.Dispose();
        _listener.Dispose();
    }
}

using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Serving.Concurrency;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Lets an HTTP/1.1 client that has half-closed its connection (<c>shutdown(SHUT_WR)</c>) receive its response; Kestrel treats it as
/// disconnected. A full close looks the same at first, so the request continues only for a limited time and is then aborted. A reset
/// aborts it at once.
/// </summary>
/// <param name="next">Serves HTTP/1.1.</param>
/// <param name="timeout">How long a request continues after the half-close.</param>
/// <param name="time">The clock.</param>
internal sealed class HalfClosedClients(ConnectionDelegate next, TimeSpan timeout, TimeProvider time)
{
    private const int TcpInfo = 11;
    private const byte CloseWait = 8;

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        if (connection.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket || !OperatingSystem.IsLinux())
        {
            await next(connection);
            return;
        }

        using var watch = new Watch(socket, timeout, time, connection.ConnectionClosed);
        connection.ConnectionClosed = watch.Token;
        await next(connection);
    }

    /// <summary>Whether the peer has half-closed the connection.</summary>
    internal static bool IsHalfClosed(Socket socket)
    {
        try
        {
            // The first byte of tcp_info is the connection state.
            Span<byte> state = stackalloc byte[1];
            return socket.GetRawSocketOption((int)SocketOptionLevel.Tcp, TcpInfo, state) == 1 && state[0] == CloseWait;
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    // One per connection; its timer is created only when the client half-closes.
    private sealed class Watch : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly CancellationTokenSource _closed = new();
        private readonly Socket _socket;
        private readonly TimeSpan _timeout;
        private readonly TimeProvider _time;
        private readonly CancellationTokenRegistration _registration;
        private BackgroundTimer? _timer;
        private long _since;
        private bool _disposed;

        public Watch(Socket socket, TimeSpan timeout, TimeProvider time, CancellationToken closed)
        {
            (_socket, _timeout, _time) = (socket, timeout, time);
            Token = _closed.Token;
            _registration = closed.UnsafeRegister(static state => ((Watch)state!).OnClosed(), this);
        }

        public CancellationToken Token { get; }

        public void Dispose()
        {
            lock (_lock)
            {
                if (_disposed)
                    return;
                _disposed = true;
                _timer?.Dispose();
            }

            // Not disposed: a cancellation may be in progress, and without a timer there is nothing to free.
            _registration.Dispose();
        }

        private void OnClosed()
        {
            lock (_lock)
            {
                if (_disposed)
                    return;
                if (IsHalfClosed(_socket))
                {
                    _since = _time.GetTimestamp();
                    _timer = BackgroundTimer.Every(_time, "Watching a client that has closed its half", Interval, Look);
                    return;
                }
            }

            _closed.CancelSafely();
        }

        private void Look()
        {
            lock (_lock)
            {
                if (_disposed || (IsHalfClosed(_socket) && _time.GetElapsedTime(_since) < _timeout))
                    return;
                _timer?.Dispose();
            }

            _closed.CancelSafely();
        }
    }
}

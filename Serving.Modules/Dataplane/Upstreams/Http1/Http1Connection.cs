using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;
using Serving.Dataplane.Servers;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// A connection to a destination and its receive buffer. While idle it holds only its socket and the TLS stream on it; buffers are rented
/// for the duration of an exchange.
/// </summary>
internal sealed class Http1Connection : IDisposable
{
    private const int BufferSize = 16 * 1024;

    private readonly Socket _socket;
    private readonly SslStream? _tls;
    private byte[] _received = [];
    private int _start;
    private int _end;

    public Http1Connection(Socket socket, SslStream? tls = null, HeadBudget? heads = null)
    {
        _socket = socket;
        _tls = tls;
        Heads = heads ?? HeadBudget.Shared;
        Exchange = new Http1Exchange(this);
    }

    /// <summary>The exchange that uses this connection, one request after the other.</summary>
    public Http1Exchange Exchange { get; }

    /// <summary>The budget shared by the response heads of all connections.</summary>
    public HeadBudget Heads { get; }

    /// <summary>Whether it has served a request before, so that the peer may close it while the next one is being sent.</summary>
    public bool IsReused { get; set; }

    /// <summary>When it was last returned to the pool.</summary>
    public long IdleSince { get; set; }

    /// <summary>Bytes received and not consumed yet.</summary>
    public ReadOnlySpan<byte> Buffered => _received.AsSpan(_start, _end - _start);

    /// <summary>The same bytes as memory, for use across awaits.</summary>
    public ReadOnlyMemory<byte> BufferedMemory => _received.AsMemory(_start, _end - _start);

    /// <summary>Whether it is open with no bytes to read, as an idle connection must be.</summary>
    public bool IsUsable()
    {
        try
        {
            // Readable means closed, or an unsolicited response.
            return !_socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Rents the buffers of an exchange.</summary>
    public void Open()
    {
        _received = ArrayPool<byte>.Shared.Rent(BufferSize);
        (_start, _end) = (0, 0);
    }

    /// <summary>Returns the rented buffers. No receive may be pending.</summary>
    public void Close()
    {
        var received = _received;
        _received = [];
        (_start, _end) = (0, 0);
        if (received.Length != 0)
            ArrayPool<byte>.Shared.Return(received);
    }

    public void Consume(int bytes) => _start += bytes;

    /// <summary>Receives more bytes after the unconsumed ones; 0 when the peer has closed.</summary>
    /// <param name="limit">Maximum number of unconsumed bytes.</param>
    /// <exception cref="Http1FormatException">The limit is reached.</exception>
    public ValueTask<int> ReceiveAsync(int limit)
    {
        if (_start == _end)
            (_start, _end) = (0, 0);
        if (_end == _received.Length)
            MakeRoom(limit);
        if (_tls is not null)
            return ReceiveByTlsAsync(_tls, _received.AsMemory(_end));
        var receiving = _socket.ReceiveAsync(_received.AsMemory(_end), SocketFlags.None);
        if (!receiving.IsCompletedSuccessfully)
            return AwaitAsync(receiving);
        var read = receiving.Result;
        _end += read;
        return new(read);
    }

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        if (_tls is not null)
        {
            await SendByTlsAsync(_tls, bytes);
            return;
        }

        while (!bytes.IsEmpty)
            bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None)..];
    }

    /// <summary>Shuts down the sending direction.</summary>
    public ValueTask EndSendingAsync()
    {
        if (_tls is not null)
            return new ValueTask(_tls.ShutdownAsync());
        _socket.Shutdown(SocketShutdown.Send);
        return ValueTask.CompletedTask;
    }

    /// <summary>Aborts pending operations, which then throw a <see cref="SocketException"/> or an
    /// <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        // The socket first: this ends the operations that TLS waits for.
        _socket.Dispose();
        _tls?.Dispose();
    }

    /// <summary>Resets the connection, so that the destination knows at once that nothing waits for a response.</summary>
    public void Abort()
    {
        try
        {
            // A graceful close would look like a client that has only finished sending.
            _socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It is closed already.
        }

        Dispose();
    }

    // A close without close_notify is reported as a TCP reset: callers tell it from a fault of the client by the exception type.
    private async ValueTask<int> ReceiveByTlsAsync(SslStream tls, Memory<byte> window)
    {
        try
        {
            var read = await tls.ReadAsync(window);
            _end += read;
            return read;
        }
        catch (IOException exception)
        {
            throw new SocketException((int)SocketError.ConnectionReset, exception.Message);
        }
    }

    private static async ValueTask SendByTlsAsync(SslStream tls, ReadOnlyMemory<byte> bytes)
    {
        try
        {
            await tls.WriteAsync(bytes);
        }
        catch (IOException exception)
        {
            throw new SocketException((int)SocketError.ConnectionReset, exception.Message);
        }
    }

    private async ValueTask<int> AwaitAsync(ValueTask<int> receiving)
    {
        var read = await receiving;
        _end += read;
        return read;
    }

    private void MakeRoom(int limit)
    {
        var length = _end - _start;
        if (length >= limit)
            throw new Http1FormatException($"The program sent a line or a head longer than {limit} bytes.");
        if (_start != 0)
        {
            _received.AsSpan(_start, length).CopyTo(_received);
        }
        else
        {
            var larger = ArrayPool<byte>.Shared.Rent(_received.Length * 2);
            _received.AsSpan(0, length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_received);
            _received = larger;
        }

        (_start, _end) = (0, length);
    }
}

using System.Buffers;
using System.Net.Security;
using System.Net.Sockets;

namespace Serving.Dataplane.Http1;

/// <summary>
/// A connection to a destination with a window on what has arrived. Between requests it owns nothing but its socket, and TLS over it; its
/// buffers are rented for the time of an exchange.
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

    /// <summary>What is done on this connection, one request after the other.</summary>
    public Http1Exchange Exchange { get; }

    /// <summary>What bounds the heads of the responses of all connections.</summary>
    public HeadBudget Heads { get; }

    /// <summary>Whether it has served a request before, so that its end may have crossed the next one.</summary>
    public bool IsReused { get; set; }

    /// <summary>When it was last given back.</summary>
    public long IdleSince { get; set; }

    /// <summary>What has arrived and is not consumed.</summary>
    public ReadOnlySpan<byte> Buffered => _received.AsSpan(_start, _end - _start);

    /// <summary>The same, to be awaited over.</summary>
    public ReadOnlyMemory<byte> BufferedMemory => _received.AsMemory(_start, _end - _start);

    /// <summary>Whether it is open and silent, as an idle one has to be.</summary>
    public bool IsUsable()
    {
        try
        {
            // Readable means closed, or an answer that nobody asked for.
            return !_socket.Poll(0, SelectMode.SelectRead);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Rents what an exchange needs.</summary>
    public void Open()
    {
        _received = ArrayPool<byte>.Shared.Rent(BufferSize);
        (_start, _end) = (0, 0);
    }

    /// <summary>Gives back what was rented. No receive may be under way.</summary>
    public void Close()
    {
        var received = _received;
        _received = [];
        (_start, _end) = (0, 0);
        if (received.Length != 0) ArrayPool<byte>.Shared.Return(received);
    }

    public void Consume(int bytes) => _start += bytes;

    /// <summary>Waits for more bytes after those that are there; 0 when the other side has closed.</summary>
    /// <param name="limit">The most that may be unconsumed.</param>
    /// <exception cref="Http1FormatException">That is reached.</exception>
    public ValueTask<int> ReceiveAsync(int limit)
    {
        if (_start == _end) (_start, _end) = (0, 0);
        if (_end == _received.Length) MakeRoom(limit);
        if (_tls is not null) return ReceiveByTlsAsync(_tls, _received.AsMemory(_end));
        var receiving = _socket.ReceiveAsync(_received.AsMemory(_end), SocketFlags.None);
        if (!receiving.IsCompletedSuccessfully) return AwaitAsync(receiving);
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

        while (!bytes.IsEmpty) bytes = bytes[await _socket.SendAsync(bytes, SocketFlags.None)..];
    }

    /// <summary>Says that nothing more will be sent.</summary>
    public ValueTask EndSendingAsync()
    {
        if (_tls is not null) return new ValueTask(_tls.ShutdownAsync());
        _socket.Shutdown(SocketShutdown.Send);
        return ValueTask.CompletedTask;
    }

    /// <summary>Ends whatever is under way; its awaiters get a <see cref="SocketException"/> or <see cref="ObjectDisposedException"/>.</summary>
    public void Dispose()
    {
        // The socket first: it ends what TLS waits for.
        _socket.Dispose();
        _tls?.Dispose();
    }

    /// <summary>Ends it in such a way that the destination knows at once that nobody waits for a response.</summary>
    public void Abort()
    {
        try
        {
            // With a reset. An orderly end would look like a client that has only said all it has to say.
            _socket.LingerState = new LingerOption(true, 0);
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // It has ended already.
        }

        Dispose();
    }

    // An end that nobody announced is the same to TLS as to TCP: callers tell it from a fault of the client by its kind.
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
        if (length >= limit) throw new Http1FormatException($"The program sent more than {limit} bytes where a line or a header should have ended.");
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

using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Serving.Benchmarks.Soak;

/// <summary>
/// A clear-text HTTP/2 client that sends arbitrary frames, also invalid ones, to act as a hostile client. Responses are stored by stream.
/// </summary>
internal sealed class RawHttp2 : IDisposable
{
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;

    private readonly Socket _socket;
    private readonly ConcurrentDictionary<int, Http2Response> _responses = new();
    private readonly TaskCompletionSource _closed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _settled = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _sending = new(1, 1);

    private RawHttp2(Socket socket) => _socket = socket;

    /// <summary>Completes when the server has closed the connection.</summary>
    public Task Closed => _closed.Task;

    /// <summary>The error code of the server's GOAWAY; null when it sent none.</summary>
    public int? GoneAway { get; private set; }

    /// <summary>The number of streams with a response or a reset.</summary>
    public IReadOnlyCollection<Http2Response> Responses => [.. _responses.Values];

    /// <summary>Connects, sends preface and settings (no dynamic table for responses), and starts reading unless disabled.</summary>
    public static async Task<RawHttp2> ConnectAsync(EndPoint server, bool read = true)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(server);
        var client = new RawHttp2(socket);
        await client.SendAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(4, 0, 0, [0, 1, 0, 0, 0, 0])]);
        if (!read)
            return client;
        _ = client.ReadAsync();

        // The caller may send a head in several frames next, which must not be interleaved with others.
        await Task.WhenAny(client._settled.Task, client.Closed);
        return client;
    }

    /// <summary>Sends a frame.</summary>
    public static byte[] Frame(byte type, byte flags, int stream, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[9 + payload.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
        (frame[3], frame[4]) = (type, flags);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        payload.CopyTo(frame.AsSpan(9));
        return frame;
    }

    /// <summary>HPACK: headers as literals, without an index.</summary>
    public static byte[] Literals(params (string Name, string Value)[] headers)
    {
        var block = new List<byte>();
        foreach (var (name, value) in headers)
        {
            block.Add(0);
            Text(block, name);
            Text(block, value);
        }

        return [.. block];
    }

    /// <summary>HPACK: a header as a literal that gets the first dynamic index, 62.</summary>
    public static byte[] Indexed(string name, string value)
    {
        var block = new List<byte> { 0x40 };
        Text(block, name);
        Text(block, value);
        return [.. block];
    }

    /// <summary>HPACK: the newest dynamic entry, repeated.</summary>
    public static byte[] Repeat(int times) => [.. Enumerable.Repeat((byte)(0x80 | 62), times)];

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await _sending.WaitAsync();
        try
        {
            while (!bytes.IsEmpty)
                bytes = bytes[await _socket.SendAsync(bytes)..];
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends a whole request without a body.</summary>
    public Task RequestAsync(int stream, params (string Name, string Value)[] headers) =>
        SendAsync(Frame(1, EndStream | EndHeaders, stream, Literals(headers)));

    /// <summary>The response received for a stream so far.</summary>
    public Http2Response Response(int stream) => _responses.GetOrAdd(stream, static _ => new Http2Response());

    public void Dispose()
    {
        _socket.Dispose();
        _sending.Dispose();
    }

    private static void Text(List<byte> block, string text)
    {
        if (text.Length < 127)
        {
            block.Add((byte)text.Length);
        }
        else
        {
            block.Add(127);
            var rest = text.Length - 127;
            for (; rest >= 128; rest >>= 7)
                block.Add((byte)((rest & 127) | 128));
            block.Add((byte)rest);
        }

        block.AddRange(Encoding.Latin1.GetBytes(text));
    }

    private async Task ReadAsync()
    {
        var header = new byte[9];
        try
        {
            await using var stream = new NetworkStream(_socket);
            while (true)
            {
                await stream.ReadExactlyAsync(header);
                var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(header) >>> 8];
                await stream.ReadExactlyAsync(payload);
                await TakeAsync(header[3], header[4], BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(5)), payload);
            }
        }
        catch (Exception exception) when (exception is IOException or SocketException or ObjectDisposedException)
        {
            _closed.TrySetResult();
        }
    }

    private async Task TakeAsync(byte type, byte flags, int id, byte[] payload)
    {
        switch (type)
        {
            case 0:
                Response(id).Append(payload);
                if (payload.Length != 0)
                    await SendAsync(Frame(8, 0, 0, [0, 0, (byte)(payload.Length >> 8), (byte)payload.Length]));
                break;
            case 1:
                Response(id).Answered(Status(payload));
                break;
            case 3:
                Response(id).Reset(BinaryPrimitives.ReadInt32BigEndian(payload));
                break;
            case 4 when (flags & 1) == 0:
                await SendAsync(Frame(4, 1, 0, []));
                _settled.TrySetResult();
                break;
            case 6 when (flags & 1) == 0:
                await SendAsync(Frame(6, 1, 0, payload));
                break;
            case 7:
                GoneAway = BinaryPrimitives.ReadInt32BigEndian(payload.AsSpan(4));
                break;
        }

        if (type is 0 or 1 && (flags & EndStream) != 0)
            Response(id).End();
    }

    // The status is the first header: indexed in the static table, or as a literal of three digits after that name's index.
    private static int Status(byte[] block)
    {
        int[] known = [200, 204, 206, 304, 400, 404, 500];
        var first = block.AsSpan().TrimStart((byte)0x20);
        if (first.Length == 0)
            return 0;
        if (first[0] is >= 0x88 and <= 0x8e)
            return known[first[0] - 0x88];
        return first.Length > 4 && first[1] == 3 && int.TryParse(Encoding.ASCII.GetString(first.Slice(2, 3)), out var status) ? status : 0;
    }
}

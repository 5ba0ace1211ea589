using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;

namespace Serving.Tests.Dataplane;

/// <summary>A destination that speaks HTTP/2 frame by frame, under control of the test.</summary>
internal sealed class Http2Frames : IDisposable
{
    public const byte Data = 0;
    public const byte Headers = 1;
    public const byte Reset = 3;
    public const byte Settings = 4;
    public const byte Ping = 6;
    public const byte GoAway = 7;
    public const byte EndStream = 1;
    public const byte EndHeaders = 4;
    public const byte Acknowledged = 1;

    /// <summary>HPACK of <c>:status: 200</c>.</summary>
    public const byte Status200 = 0x88;

    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);

    public Http2Frames()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    public string Address => _listener.LocalEndPoint!.ToString()!;

    /// <summary>Whether there is a connection that has not been accepted.</summary>
    public bool IsWaitedFor => _listener.Poll(0, SelectMode.SelectRead);

    /// <summary>Accepts a connection and exchanges prefaces.</summary>
    public async Task<Connection> AcceptAsync()
    {
        var stream = new NetworkStream(await _listener.AcceptAsync().WaitAsync(TimeSpan.FromSeconds(20)), ownsSocket: true);
        await stream.ReadExactlyAsync(new byte[24]);
        var connection = new Connection(stream);
        await connection.WriteAsync(Settings, 0, 0);
        return connection;
    }

    public void Dispose() => _listener.Dispose();

    internal sealed class Connection(NetworkStream stream) : IDisposable
    {
        /// <summary>The stream of the next request whose headers are complete; earlier frames are handled.</summary>
        public async Task<int> RequestAsync()
        {
            while (true)
            {
                var (type, flags, id, payload) = await ReadAsync();
                if (type == Headers)
                    return id;
                if (type == Settings && flags == 0)
                    await WriteAsync(Settings, Acknowledged, 0);
                if (type == Ping && flags == 0)
                    await WriteAsync(Ping, Acknowledged, 0, payload);
            }
        }

        /// <summary>Reads a stream until its end, and returns the length of its body.</summary>
        public async Task<int> BodyLengthAsync(int id)
        {
            var length = 0;
            while (true)
            {
                var (type, flags, stream, payload) = await ReadAsync();
                if (type != Data || stream != id)
                    continue;
                length += payload.Length;
                if ((flags & EndStream) != 0)
                    return length;
            }
        }

        public async Task WriteAsync(byte type, byte flags, int id, params byte[] payload)
        {
            var frame = new byte[9 + payload.Length];
            BinaryPrimitives.WriteInt32BigEndian(frame, payload.Length << 8);
            (frame[3], frame[4]) = (type, flags);
            BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), id);
            payload.CopyTo(frame, 9);
            await stream.WriteAsync(frame);
        }

        public Task ResetAsync(int id, byte code) => WriteAsync(Reset, 0, id, 0, 0, 0, code);

        public Task GoAwayAsync(byte last, byte code) => WriteAsync(GoAway, 0, 0, 0, 0, 0, last, 0, 0, 0, code);

        /// <summary>Waits until the peer closes.</summary>
        public async Task ClosedAsync()
        {
            while (await stream.ReadAsync(new byte[1024]) != 0) { }
        }

        /// <summary>Closes immediately; unread data makes the kernel reset the connection.</summary>
        public void Cut() => stream.Socket.Close();

        public void Dispose() => stream.Dispose();

        private async Task<(byte Type, byte Flags, int Id, byte[] Payload)> ReadAsync()
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            var head = new byte[9];
            await stream.ReadExactlyAsync(head, deadline.Token);
            var payload = new byte[BinaryPrimitives.ReadInt32BigEndian(head) >> 8];
            await stream.ReadExactlyAsync(payload, deadline.Token);
            return (head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
        }
    }
}

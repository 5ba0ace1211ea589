using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Serving.Tests.Dataplane;

/// <summary>A destination that sends exactly the bytes given by the test, one connection after the other.</summary>
internal sealed class RawDestination : IDisposable
{
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);

    public RawDestination()
    {
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen();
    }

    public string Address => _listener.LocalEndPoint!.ToString()!;

    /// <summary>Whether there is a connection that has not been accepted.</summary>
    public bool IsWaitedFor => _listener.Poll(0, SelectMode.SelectRead);

    public async Task<RawConnection> AcceptAsync() => new(await _listener.AcceptAsync().WaitAsync(TimeSpan.FromSeconds(10)));

    /// <summary>Reads the head of one request, responds with <paramref name="answer"/>, then closes.</summary>
    public async Task<string> AnswerAsync(string answer)
    {
        using var connection = await AcceptAsync();
        var head = await connection.ReadUntilAsync("\r\n\r\n");
        await connection.WriteAsync(answer);
        return head;
    }

    public void Dispose() => _listener.Dispose();

    /// <summary>A connection, as text.</summary>
    internal sealed class RawConnection(Socket socket) : IDisposable
    {
        private readonly StringBuilder _text = new();

        /// <summary>Reads until <paramref name="end"/> and returns everything since the last call.</summary>
        /// <param name="end">The text to wait for.</param>
        /// <param name="within">Whether more text may follow it.</param>
        public async Task<string> ReadUntilAsync(string end, bool within = false)
        {
            var buffer = new byte[4096];
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            while (
                within
                    ? !_text.ToString().Contains(end, StringComparison.Ordinal)
                    : !_text.ToString().EndsWith(end, StringComparison.Ordinal)
            )
            {
                var read = await socket.ReceiveAsync(buffer, deadline.Token);
                if (read == 0)
                    throw new EndOfStreamException($"Closed after \"{_text}\".");
                _text.Append(Encoding.Latin1.GetString(buffer, 0, read));
            }

            var text = _text.ToString();
            _text.Clear();
            return text;
        }

        public async Task WriteAsync(string text) => await socket.SendAsync(Encoding.Latin1.GetBytes(text));

        /// <summary>Waits until the peer closes, in whatever way.</summary>
        public async Task ClosedAsync()
        {
            using var deadline = new CancellationTokenSource(TimeSpan.FromSeconds(10));
            try
            {
                while (await socket.ReceiveAsync(new byte[4096], deadline.Token) != 0) { }
            }
            catch (SocketException)
            {
                // A reset also counts as closed.
            }
        }

        /// <summary>Shuts down the sending direction.</summary>
        public void EndSending() => socket.Shutdown(SocketShutdown.Send);

        public void Dispose() => socket.Dispose();
    }
}

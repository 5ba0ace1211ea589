using System.Buffers;
using Microsoft.AspNetCore.Connections;
using Serving.Concurrency;

namespace Serving.Dataplane.Servers;

/// <summary>Peeks at the first bytes of a clear-text connection and routes it to the protocol it speaks.</summary>
/// <param name="http1">Serves HTTP/1.1.</param>
/// <param name="http2">Serves HTTP/2.</param>
/// <param name="firstByteTimeout">How long the protocol may remain unknown.</param>
/// <param name="time">The clock.</param>
internal sealed class PrefaceSwitch(
    ConnectionDelegate http1,
    Func<ConnectionDelegate> http2,
    Func<TimeSpan> firstByteTimeout,
    TimeProvider? time = null
)
{
    private enum Protocol
    {
        Unknown,
        Http1,
        Http2,
    }

    private static ReadOnlySpan<byte> Preface => "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8;

    public async Task OnConnectionAsync(ConnectionContext connection)
    {
        Protocol protocol;
        try
        {
            protocol = await RecogniseAsync(connection);
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or ConnectionAbortedException)
        {
            return;
        }

        await (protocol == Protocol.Http2 ? http2() : http1)(connection);
    }

    /// <summary>Waits for the first bytes. A method of its own, so that the timer does not live as long as the connection.</summary>
    private async Task<Protocol> RecogniseAsync(ConnectionContext connection)
    {
        using var deadline = new CancellationTokenSource(firstByteTimeout(), time ?? TimeProvider.System);
        await using var closed = connection.ConnectionClosed.UnsafeRegister(
            static state => ((CancellationTokenSource)state!).CancelSafely(),
            deadline
        );
        var input = connection.Transport.Input;
        while (true)
        {
            var read = await input.ReadAsync(deadline.Token);
            var protocol = Recognise(read.Buffer);
            if (protocol == Protocol.Unknown && read.IsCompleted)
                protocol = Protocol.Http1;
            input.AdvanceTo(read.Buffer.Start, protocol == Protocol.Unknown ? read.Buffer.End : read.Buffer.Start);
            if (protocol != Protocol.Unknown)
                return protocol;
        }
    }

    private static Protocol Recognise(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[24];
        var length = (int)Math.Min(buffer.Length, start.Length);
        buffer.Slice(0, length).CopyTo(start);
        if (!Preface.StartsWith(start[..length]))
            return Protocol.Http1;
        return length == Preface.Length ? Protocol.Http2 : Protocol.Unknown;
    }
}

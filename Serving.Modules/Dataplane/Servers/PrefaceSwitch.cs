using System.Buffers;
using Microsoft.AspNetCore.Connections;

namespace Serving.Dataplane;

/// <summary>Looks at the first bytes of a clear-text connection, without taking them, and leads it to the protocol it speaks.</summary>
internal sealed class PrefaceSwitch(ConnectionDelegate http1, Func<ConnectionDelegate> http2, TimeSpan firstByteTimeout)
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
        var input = connection.Transport.Input;
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(connection.ConnectionClosed);
        deadline.CancelAfter(firstByteTimeout);
        Protocol protocol;
        try
        {
            while (true)
            {
                var read = await input.ReadAsync(deadline.Token);
                protocol = Recognise(read.Buffer);
                if (protocol == Protocol.Unknown && read.IsCompleted) protocol = Protocol.Http1;
                input.AdvanceTo(read.Buffer.Start, protocol == Protocol.Unknown ? read.Buffer.End : read.Buffer.Start);
                if (protocol != Protocol.Unknown) break;
            }
        }
        catch (Exception exception) when (exception is OperationCanceledException or ConnectionResetException or ConnectionAbortedException)
        {
            return;
        }

        await (protocol == Protocol.Http2 ? http2() : http1)(connection);
    }

    private static Protocol Recognise(in ReadOnlySequence<byte> buffer)
    {
        Span<byte> start = stackalloc byte[24];
        var length = (int)Math.Min(buffer.Length, start.Length);
        buffer.Slice(0, length).CopyTo(start);
        if (!Preface.StartsWith(start[..length])) return Protocol.Http1;
        return length == Preface.Length ? Protocol.Http2 : Protocol.Unknown;
    }
}

using System.IO.Pipelines;

namespace Serving.Dataplane.Http1;

/// <summary>Sends the body of a request on as it arrives, while the answer may be on its way already.</summary>
internal static class RequestBody
{
    /// <summary>The most bytes of one chunk.</summary>
    private const int MaxChunk = 32 * 1024;

    /// <summary>Puts what of the body has arrived behind the head, when that is all of it and it is little.</summary>
    /// <returns>Whether the body is now in <paramref name="output"/>.</returns>
    public static bool TryAppendWhole(PipeReader body, SendBuffer output, in RequestShape shape)
    {
        if (shape.Chunked || shape.Length > output.Free || !body.TryRead(out var read)) return false;
        var buffer = read.Buffer;
        if (buffer.Length < shape.Length)
        {
            body.AdvanceTo(buffer.Start, buffer.End);
            return false;
        }

        foreach (var segment in buffer) output.Append(segment.Span);
        body.AdvanceTo(buffer.End);
        return true;
    }

    /// <summary>Sends the body to its end, or until reading is cancelled.</summary>
    /// <returns>Whether it was sent to its end.</returns>
    public static async Task<bool> SendAsync(PipeReader body, Http1Connection connection, SendBuffer scratch, bool chunked)
    {
        while (true)
        {
            var read = await body.ReadAsync();
            var buffer = read.Buffer;
            if (read.IsCanceled)
            {
                body.AdvanceTo(buffer.Start);
                return false;
            }

            if (!buffer.IsEmpty)
            {
                foreach (var segment in buffer)
                {
                    if (chunked) await SendChunksAsync(segment, connection, scratch);
                    else await connection.SendAsync(segment);
                }
            }

            body.AdvanceTo(buffer.End);
            if (!read.IsCompleted) continue;
            if (chunked) await connection.SendAsync(LastChunk);
            return true;
        }
    }

    private static ReadOnlyMemory<byte> LastChunk { get; } = "0\r\n\r\n"u8.ToArray();

    private static async ValueTask SendChunksAsync(ReadOnlyMemory<byte> data, Http1Connection connection, SendBuffer scratch)
    {
        while (!data.IsEmpty)
        {
            var part = data[..Math.Min(data.Length, MaxChunk)];
            scratch.Clear();
            scratch.AppendChunkSize(part.Length);
            scratch.Append(part.Span);
            scratch.Append("\r\n"u8);
            await connection.SendAsync(scratch.Written);
            data = data[part.Length..];
        }
    }
}

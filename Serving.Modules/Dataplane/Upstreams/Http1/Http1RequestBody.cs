using System.IO.Pipelines;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>Sends a request body over HTTP/1.1, chunked when its length is unknown.</summary>
/// <param name="connection">The connection to the destination.</param>
internal sealed class Http1RequestBody(Http1Connection connection) : RequestBody
{
    /// <summary>Maximum size of a chunk in bytes.</summary>
    private const int MaxChunk = 32 * 1024;

    private SendBuffer _scratch = null!;
    private bool _chunked;

    private static ReadOnlyMemory<byte> LastChunk { get; } = "0\r\n\r\n"u8.ToArray();

    /// <summary>Starts a request.</summary>
    /// <param name="scratch">The send buffer; it contains the head of the request.</param>
    /// <param name="keep">Whether to keep a small body, so that the request can be retried.</param>
    public void Begin(SendBuffer scratch, bool keep)
    {
        _scratch = scratch;
        Begin(keep);
    }

    /// <summary>Appends the body to the head, if it is small and has arrived completely.</summary>
    /// <returns>Whether the body is in the buffer.</returns>
    public bool TryAppendWhole(PipeReader body, in RequestShape shape)
    {
        if (shape.Chunked || shape.Length > _scratch.Free || !body.TryRead(out var read))
            return false;
        var buffer = read.Buffer;
        if (buffer.Length < shape.Length)
        {
            body.AdvanceTo(buffer.Start, read.IsCanceled ? buffer.Start : buffer.End);
            return false;
        }

        foreach (var segment in buffer)
            _scratch.Append(segment.Span);
        Advance(body, buffer);
        return true;
    }

    /// <summary>Sends the body until its end, or until stopped.</summary>
    /// <returns>Whether the whole body was sent.</returns>
    public Task<bool> SendAsync(PipeReader body, bool chunked)
    {
        _chunked = chunked;
        return CopyAsync(body);
    }

    protected override ValueTask SendAsync(ReadOnlyMemory<byte> part) => _chunked ? SendChunksAsync(part) : connection.SendAsync(part);

    protected override ValueTask EndAsync() => _chunked ? connection.SendAsync(LastChunk) : default;

    private async ValueTask SendChunksAsync(ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            var part = data[..Math.Min(data.Length, MaxChunk)];
            _scratch.Clear();
            _scratch.AppendChunkSize(part.Length);
            _scratch.Append(part.Span);
            _scratch.Append("\r\n"u8);
            await connection.SendAsync(_scratch.Written);
            data = data[part.Length..];
        }
    }
}

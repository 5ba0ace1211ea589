using System.Buffers;
using System.Buffers.Text;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// Forwards a response that announces trailers. Kestrel supports trailers only over HTTP/2, so over HTTP/1.1 the chunks of such a response
/// are written here. Other responses do not use this class.
/// </summary>
internal sealed class TrailedResponse
{
    private readonly HttpResponse _response;
    private readonly bool _chunks;

    private TrailedResponse(HttpResponse response, bool chunks) => (_response, _chunks) = (response, chunks);

    /// <summary>The trailers received after the last chunk.</summary>
    public List<KeyValuePair<string, string>> Trailers { get; } = [];

    /// <summary>Prepares the response head; null when there are no trailers, or the client cannot receive them.</summary>
    public static TrailedResponse? Begin(HttpResponse response, in ResponseShape shape)
    {
        if (
            shape.Body != BodyKind.Chunked
            || shape.Trailer is not { } announced
            || response.StatusCode == StatusCodes.Status205ResetContent
        )
            return null;
        if (response.SupportsTrailers())
        {
            response.Headers.Trailer = announced;
            return new TrailedResponse(response, chunks: false);
        }

        if (!HttpProtocol.IsHttp11(response.HttpContext.Request.Protocol))
            return null;
        response.Headers.Trailer = announced;
        response.Headers.TransferEncoding = "chunked";
        return new TrailedResponse(response, chunks: true);
    }

    /// <summary>Receives the data of the body.</summary>
    public IBufferWriter<byte> OutputTo(PipeWriter writer) => _chunks ? new ChunkWriter(writer) : writer;

    /// <summary>Ends the body with the trailers.</summary>
    public void End(PipeWriter writer)
    {
        if (!_chunks)
        {
            foreach (var (name, value) in Trailers)
                _response.AppendTrailer(name, value);
            return;
        }

        writer.Write("0\r\n"u8);
        foreach (var (name, value) in Trailers)
            Encoding.Latin1.GetBytes($"{name}: {value}\r\n", writer);
        writer.Write("\r\n"u8);
    }

    // Each write becomes a chunk.
    private sealed class ChunkWriter(PipeWriter inner) : IBufferWriter<byte>
    {
        private const int SizeDigits = 8;
        private const int Before = SizeDigits + 2;
        private const int After = 2;

        private Memory<byte> _memory;

        public void Advance(int count)
        {
            if (count == 0)
                return;
            var span = _memory.Span;
            Utf8Formatter.TryFormat(count, span, out _, new StandardFormat('x', SizeDigits));
            "\r\n"u8.CopyTo(span[SizeDigits..]);
            "\r\n"u8.CopyTo(span[(Before + count)..]);
            inner.Advance(Before + count + After);
        }

        public Memory<byte> GetMemory(int sizeHint = 0)
        {
            _memory = inner.GetMemory(Before + Math.Max(sizeHint, 1) + After);
            return _memory[Before..^After];
        }

        public Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;
    }
}

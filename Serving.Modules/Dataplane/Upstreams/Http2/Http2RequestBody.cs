using System.IO.Pipelines;
using System.Net;

namespace Serving.Dataplane.Http2;

/// <summary>
/// Provides a request's body to .NET's client, and provides it again when the client resends the request on another connection because the
/// server reported that it was not processed (GOAWAY, REFUSED_STREAM).
/// </summary>
internal sealed class Http2RequestBody : RequestBody
{
    private readonly PipeReader? _body;
    private readonly long? _length;
    private Stream _stream = Stream.Null;
    private Task<bool>? _copying;

    /// <param name="body">The client's body; null for none.</param>
    /// <param name="length">Its length; null if unknown.</param>
    public Http2RequestBody(PipeReader? body, long? length)
    {
        _body = body;
        _length = body is null ? 0 : length;
        Content = new CopiedContent(this);
        Begin(keep: true);
    }

    /// <summary>Whether there is no body.</summary>
    public bool IsEmpty => _body is null;

    /// <summary>The client's body.</summary>
    public HttpContent Content { get; }

    /// <summary>Ends the copy. When it returns, the client's body is no longer being read.</summary>
    /// <param name="grace">How long the copy may continue before it is stopped.</param>
    public async ValueTask EndAsync(TimeSpan grace)
    {
        if (_copying is not { } copying) return;
        if (!copying.IsCompleted && grace > TimeSpan.Zero) await Task.WhenAny(copying, Task.Delay(grace));
        if (!copying.IsCompleted) Stop(_body!);
        await ((Task)copying).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    protected override ValueTask SendAsync(ReadOnlyMemory<byte> part) => _stream.WriteAsync(part);

    protected override ValueTask FlushAsync() => new(_stream.FlushAsync());

    private async Task CopyToAsync(Stream stream, CancellationToken cancellation)
    {
        if (_body is null) return;
        if (_copying is not null)
        {
            await EndAsync(TimeSpan.Zero);
            if (!IsUnread) throw new IOException("The request was refused after too much of its body was sent to send it again.");
            Restart();
        }

        _stream = stream;
        await using var registration = cancellation.UnsafeRegister(static state => ((Http2RequestBody)state!).Stop(), this);
        var copying = _copying = CopyAsync(_body);
        if (!await copying) throw new OperationCanceledException("The request ended before its body did.", cancellation);
    }

    private void Stop() => Stop(_body!);

    private sealed class CopiedContent(Http2RequestBody body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) => body.CopyToAsync(stream, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            body.CopyToAsync(stream, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = body._length ?? 0;
            return body._length is not null;
        }
    }
}

using System.IO.Pipelines;
using System.Net;

namespace Serving.Dataplane.Upstreams.Http2;

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
    private TaskCompletionSource? _abandoned;
    private int _attempt;

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
        if (_copying is not { } copying)
            return;
        Interlocked.Increment(ref _attempt);
        if (!copying.IsCompleted && grace > TimeSpan.Zero)
            await Task.WhenAny(copying, Task.Delay(grace));
        if (!copying.IsCompleted)
            Stop(_body!);
        await ((Task)copying).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Volatile.Read(ref _abandoned)?.TrySetResult();
    }

    protected override ValueTask SendAsync(ReadOnlyMemory<byte> part) => _stream.WriteAsync(part);

    protected override ValueTask FlushAsync() => new(_stream.FlushAsync());

    private async Task CopyToAsync(Stream stream, CancellationToken cancellation)
    {
        if (_body is null)
            return;
        if (_copying is not null)
        {
            await EndAsync(TimeSpan.Zero);
            if (!IsUnread)
                throw new IOException("The request was refused after too much of its body was sent to send it again.");
            Restart();
        }

        _stream = stream;
        await using var registration = cancellation.UnsafeRegister(static state => ((Http2RequestBody)state!).Stop(), this);
        var attempt = Volatile.Read(ref _attempt);
        var copying = _copying = CopyAsync(_body);
        try
        {
            if (await copying)
                return;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested && ClientFailure is null)
        {
            // A write was cancelled, because the stream is gone.
        }

        await AbandonAsync(attempt);
        throw new OperationCanceledException("The request ended before its body did.", cancellation);
    }

    /// <summary>
    /// Waits for the end of the attempt after its stream was reset. .NET's client reports the failure that it sees first, and only the one
    /// of the response, which follows at once, says whether the server processed the request.
    /// </summary>
    private async ValueTask AbandonAsync(int attempt)
    {
        var abandoned = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Interlocked.Exchange(ref _abandoned, abandoned);
        if (Volatile.Read(ref _attempt) == attempt)
            await abandoned.Task;
    }

    private void Stop() => Stop(_body!);

    private sealed class CopiedContent(Http2RequestBody body) : HttpContent
    {
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            body.CopyToAsync(stream, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            body.CopyToAsync(stream, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = body._length ?? 0;
            return body._length is not null;
        }
    }
}

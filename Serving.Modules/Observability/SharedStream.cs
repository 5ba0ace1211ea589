namespace Serving.Observability;

/// <summary>
/// A stream that several logs write to. A write waits for those of the others. Invariant: the bytes of one write are not interleaved
/// with those of another. (<see cref="Stream.Synchronized"/> does not keep synchronous and asynchronous writes apart.)
/// </summary>
/// <param name="output">The stream; it is not disposed.</param>
public sealed class SharedStream(Stream output) : Stream
{
    private static readonly Lazy<SharedStream> OfProcess = new(static () => new SharedStream(Console.OpenStandardOutput()));

    private readonly Lock _gate = new();

    /// <summary>Standard output.</summary>
    public static SharedStream Standard => OfProcess.Value;

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        lock (_gate)
            output.Write(buffer);
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <summary>Writes before it returns, as writing to a pipe does anyway.</summary>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken)
    {
        Write(buffer, offset, count);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override void Flush()
    {
        lock (_gate)
            output.Flush();
    }

    /// <inheritdoc/>
    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Flush();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();
}

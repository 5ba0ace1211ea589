using System.Threading.Channels;

namespace Serving.Observability.Logging;

/// <summary>Writes lines to a stream from one task, so that logging callers do not wait for it. Dispose flushes queued lines.</summary>
public sealed class LineWriter : IDisposable
{
    private readonly Channel<byte[]> _lines;
    private readonly Stream _output;
    private readonly Task _writing;
    private readonly Action? _onDropped;
    private long _dropped;

    /// <param name="output">The output; it is not disposed.</param>
    /// <param name="capacity">Maximum number of queued lines; beyond it the newest are dropped and counted.</param>
    /// <param name="onDropped">Called for each dropped line; must return quickly. Null for none.</param>
    public LineWriter(Stream output, int capacity, Action? onDropped = null)
    {
        _output = output;
        _onDropped = onDropped;
        _lines = Channel.CreateBounded<byte[]>(
            new BoundedChannelOptions(capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait }
        );
        _writing = Task.Run(PumpAsync);
    }

    /// <summary>Lines that were dropped because the stream did not keep up.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>Queues a line, which includes its line feed.</summary>
    public void Write(byte[] line)
    {
        ArgumentNullException.ThrowIfNull(line);
        if (!_lines.Writer.TryWrite(line))
        {
            Interlocked.Increment(ref _dropped);
            _onDropped?.Invoke();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lines.Writer.TryComplete();
#pragma warning disable RS0030 // The process ends; what is left to write gets a moment, and nothing else runs on this thread.
        _writing.Wait(TimeSpan.FromSeconds(2));
#pragma warning restore RS0030
    }

    private async Task PumpAsync()
    {
        try
        {
            while (await _lines.Reader.WaitToReadAsync())
            {
                while (_lines.Reader.TryRead(out var line))
                {
                    await _output.WriteAsync(line);
                }

                await _output.FlushAsync();
            }
        }
        catch (Exception error) when (error is IOException or ObjectDisposedException)
        {
            // The log output is closed. The failure cannot be reported anywhere, and must not end the process.
            _lines.Writer.TryComplete();
        }
    }
}

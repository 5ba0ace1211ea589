using System.Buffers;
using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// The log of one run of a container: each line has an RFC 3339 time with nanoseconds and a space as its prefix. Bounded: a full file
/// is rotated to <c>NAME.log.1</c>, replacing the previous one; <see cref="LogBudget"/> bounds all logs together. Invariant: lines that
/// cannot be written, as on a full disk, are dropped and counted, and the program never blocks on them.
/// </summary>
internal sealed class ContainerLog : IDisposable
{
    /// <summary>The size at which a file is rotated, in bytes.</summary>
    public const long MaxBytes = 10 * 1024 * 1024;

    // Longer lines are split, as container runtimes do.
    private const int MaxLine = 16 * 1024;
    private readonly string _path;
    private readonly TimeProvider _time;
    private readonly Action<string> _failed;
    private readonly LogBudget? _budget;
    private readonly Lock _lock = new();
    private FileStream? _file;
    private long _length;
    private long _dropped;
    private bool _discarded;
    private bool _ended;

    /// <param name="path">The file. Throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> when it cannot be
    /// opened.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Called with the error when writing starts to fail, once until it succeeds again.</param>
    /// <param name="budget">Bounds all logs together; null for no bound.</param>
    public ContainerLog(string path, TimeProvider time, Action<string>? failed = null, LogBudget? budget = null)
    {
        (_path, _time, _failed, _budget) = (path, time, failed ?? (static _ => { }), budget);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = Open();
        _budget?.Opened(path, this);
    }

    /// <summary>Copies a program's output until the program and all other holders of the pipe have ended.</summary>
    public async Task PumpAsync(Stream from)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MaxLine * 2);
        try
        {
            var kept = 0;
            while (await ReadAsync(from, buffer.AsMemory(kept)) is var read and > 0)
            {
                kept = WriteLines(buffer, kept + read);
            }

            if (kept > 0)
            {
                Write([buffer.AsMemory(0, kept)]);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    // The number of bytes read; 0 at the end.
    private static async ValueTask<int> ReadAsync(Stream from, Memory<byte> into)
    {
        try
        {
            return await from.ReadAsync(into);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The pipe was closed because the container has ended: all available output has been written.
            return 0;
        }
    }

    /// <summary>The last lines without their times: at most 80 lines and 2048 bytes, like the kubelet's termination message.</summary>
    public static string Tail(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = Math.Max(0, file.Length - (16 * 1024));
        using var reader = new StreamReader(file, Encoding.UTF8);
        var text = reader.ReadToEnd();
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
        var tail = string.Join('\n', lines.TakeLast(80));
        return tail.Length == 0 ? "" : (tail.Length > 2047 ? tail[^2047..] : tail) + "\n";
    }

    /// <summary>Deletes the log written so far; the next line reports it. Throws as <see cref="File.Delete"/> does.</summary>
    public void Discard()
    {
        lock (_lock)
        {
            _file?.Dispose();
            _file = null;
            File.Delete(_path);
            _discarded = true;
        }
    }

    public void Dispose()
    {
        lock (_lock)
        {
            _ended = true;
            _file?.Dispose();
            _file = null;
        }

        _budget?.Closed(_path);
    }

    // Writes the whole lines of the buffer, moves the rest to its front and returns the length of the rest.
    private int WriteLines(byte[] buffer, int length)
    {
        var lines = new List<ReadOnlyMemory<byte>>();
        var start = 0;
        int end;
        while ((end = buffer.AsSpan(start, length - start).IndexOf((byte)'\n')) >= 0)
        {
            lines.Add(buffer.AsMemory(start, end));
            start += end + 1;
        }

        while (length - start >= MaxLine)
        {
            lines.Add(buffer.AsMemory(start, MaxLine));
            start += MaxLine;
        }

        if (lines.Count > 0)
        {
            Write(lines);
        }

        buffer.AsSpan(start, length - start).CopyTo(buffer);
        return length - start;
    }

    private void Write(List<ReadOnlyMemory<byte>> lines)
    {
        lock (_lock)
        {
            if (_ended)
            {
                return;
            }

            try
            {
                Append(Text(lines));
                _dropped = 0;
                _discarded = false;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Reopened for the next lines: the disk may have space by then.
                _file?.Dispose();
                _file = null;
                if (_dropped == 0)
                {
                    _failed($"the log {_path} cannot be written, output is dropped: {e.Message}");
                }

                _dropped += lines.Count;
            }
        }
    }

    private ReadOnlySpan<byte> Text(List<ReadOnlyMemory<byte>> lines)
    {
        var text = new ArrayBufferWriter<byte>();
        var now = Encoding.ASCII.GetBytes(_time.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss.fffffff'00Z '", CultureInfo.InvariantCulture));
        if (_discarded)
        {
            text.Write(now);
            text.Write("[earlier lines were deleted: the logs of all pods exceeded their limit]\n"u8);
        }

        if (_dropped > 0)
        {
            text.Write(now);
            text.Write(
                Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"[{_dropped} lines could not be written here]\n"))
            );
        }

        foreach (var line in lines)
        {
            text.Write(now);
            text.Write(line.Span);
            text.Write("\n"u8);
        }

        return text.WrittenSpan;
    }

    private void Append(ReadOnlySpan<byte> text)
    {
        _file ??= Open();
        if (_length > 0 && _length + text.Length > MaxBytes)
        {
            _file.Dispose();
            _file = null;
            File.Move(_path, _path + ".1", overwrite: true);
            _file = Open();
        }

        _file.Write(text);
        _length += text.Length;
        _budget?.Wrote(text.Length);
    }

    private FileStream Open()
    {
        var file = new FileStream(_path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        _length = file.Length;
        return file;
    }
}

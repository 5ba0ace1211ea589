using System.Buffers;
using System.Globalization;
using System.Text;

namespace Serving.LocalCluster.Node.Processes;

/// <summary>
/// The log of one run of a container: each line behind an RFC 3339 time with nanoseconds and a blank. Bounded: a file
/// that reaches its size becomes <c>NAME.log.1</c>, in place of the one before, and a new one begins; <see cref="LogBudget"/> bounds all together. Invariant: what cannot be
/// written, as on a full disk, is dropped and counted, and the program never waits for it.
/// </summary>
internal sealed class ContainerLog : IDisposable
{
    /// <summary>The size at which a file is put aside, in bytes.</summary>
    public const long MaxBytes = 10 * 1024 * 1024;

    // A line longer than this is written in parts, as container runtimes do.
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

    /// <param name="path">The file. Throws <see cref="IOException"/> or <see cref="UnauthorizedAccessException"/> when it cannot be opened.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Told why nothing can be written any more, once until it can again.</param>
    /// <param name="budget">What all logs may take together; null for no bound.</param>
    public ContainerLog(string path, TimeProvider time, Action<string>? failed = null, LogBudget? budget = null)
    {
        (_path, _time, _failed, _budget) = (path, time, failed ?? (static _ => { }), budget);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        _file = Open();
        _budget?.Opened(path, this);
    }

    /// <summary>Copies what a program writes until it and all that hold the pipe have ended.</summary>
    public async Task PumpAsync(Stream from)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(MaxLine * 2);
        try
        {
            var kept = 0;
            while (await ReadAsync(from, buffer.AsMemory(kept)).ConfigureAwait(false) is var read and > 0)
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

    // How much was read; 0 at the end.
    private static async ValueTask<int> ReadAsync(Stream from, Memory<byte> into)
    {
        try
        {
            return await from.ReadAsync(into).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // The pipe was closed under us because the container is gone: all that was readable has been written.
            return 0;
        }
    }

    /// <summary>The last lines without their times: at most 80 lines and 2048 bytes, as the kubelet takes for a termination message.</summary>
    public static string Tail(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        file.Position = Math.Max(0, file.Length - (16 * 1024));
        using var reader = new StreamReader(file, Encoding.UTF8);
        var text = reader.ReadToEnd();
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
        var tail = string.Join('\n', lines.TakeLast(80));
        return tail.Length == 0 ? "" : (tail.Length > 2047 ? tail[^2047..] : tail) + "\n";
    }

    /// <summary>Removes what was written so far; the next line says that. Throws as <see cref="File.Delete"/> does.</summary>
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
                // Opened again for the next lines: the disk may have room by then.
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
            text.Write("[the lines before were removed: the logs of all pods together had become too large]\n"u8);
        }

        if (_dropped > 0)
        {
            text.Write(now);
            text.Write(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"[{_dropped} lines could not be written here]\n")));
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

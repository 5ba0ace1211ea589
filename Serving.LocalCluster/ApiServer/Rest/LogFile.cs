using System.Text;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A log that another process writes and rotates. Linux only.</summary>
internal sealed class LogFile : IDisposable
{
    private readonly string _path;
    private FileStream _stream;
    private string _name;

    /// <param name="path">The path of the log.</param>
    /// <param name="tail">The number of last lines to read; null for all.</param>
    public LogFile(string path, long? tail)
    {
        _path = path;
        (_stream, _name, Reader) = Open(path);
        if (tail is { } lines)
            SeekToTail(_stream, lines);
    }

    /// <summary>The content from the current position.</summary>
    public StreamReader Reader { get; private set; }

    /// <summary>Whether it has been rotated: then its content is final.</summary>
    public bool IsPutAside => NameOf(_stream) != _name;

    /// <summary>Continues at the start of the new file; false while there is none.</summary>
    public bool TryReopen()
    {
        if (!File.Exists(_path))
            return false;
        var (stream, name, reader) = Open(_path);
        Dispose();
        (_stream, _name, Reader) = (stream, name, reader);
        return true;
    }

    public void Dispose()
    {
        Reader.Dispose();
        _stream.Dispose();
    }

    private static (FileStream Stream, string Name, StreamReader Reader) Open(string path)
    {
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, useAsync: true);
        return (stream, NameOf(stream), new StreamReader(stream, Encoding.UTF8, false, 1 << 16, leaveOpen: true));
    }

    // The kernel's name of the open file follows a rename, and shows a deletion.
    private static string NameOf(FileStream stream) =>
        new FileInfo($"/proc/self/fd/{stream.SafeFileHandle.DangerousGetHandle()}").LinkTarget ?? "";

    // Reads backwards in blocks until enough line ends are found.
    private static void SeekToTail(FileStream stream, long lines)
    {
        if (lines <= 0)
        {
            stream.Position = stream.Length;
            return;
        }

        var block = new byte[1 << 16];
        var position = stream.Length;
        var seen = 0L;
        while (position > 0)
        {
            var size = (int)Math.Min(block.Length, position);
            position -= size;
            stream.Position = position;
            stream.ReadExactly(block, 0, size);
            for (var i = size - 1; i >= 0; i--)
            {
                // The end of the last line does not count.
                if (block[i] == '\n' && position + i != stream.Length - 1 && ++seen >= lines)
                {
                    stream.Position = position + i + 1;
                    return;
                }
            }
        }

        stream.Position = 0;
    }
}

using System.Buffers;
using System.Buffers.Text;
using System.Text;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>Collects bytes that are sent together. Rented while in use.</summary>
internal sealed class SendBuffer
{
    private const int Size = 8 * 1024;

    private byte[] _bytes = [];
    private int _length;

    public ReadOnlyMemory<byte> Written => _bytes.AsMemory(0, _length);

    /// <summary>How many bytes fit without growing the buffer.</summary>
    public int Free => _bytes.Length - _length;

    /// <summary>The whole buffer, for reading into; this overwrites what was written.</summary>
    public Memory<byte> Whole => _bytes;

    public void Open()
    {
        _bytes = ArrayPool<byte>.Shared.Rent(Size);
        _length = 0;
    }

    public void Close()
    {
        var bytes = _bytes;
        _bytes = [];
        _length = 0;
        if (bytes.Length != 0)
            ArrayPool<byte>.Shared.Return(bytes);
    }

    public void Clear() => _length = 0;

    public void Append(ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(Room(bytes.Length));
        _length += bytes.Length;
    }

    /// <summary>Appends characters up to U+00FF as bytes.</summary>
    public void Append(ReadOnlySpan<char> latin1) => _length += Encoding.Latin1.GetBytes(latin1, Room(latin1.Length));

    public void Append(long number)
    {
        Utf8Formatter.TryFormat(number, Room(20), out var written);
        _length += written;
    }

    /// <summary>Appends the chunk-size line.</summary>
    public void AppendChunkSize(int size)
    {
        Utf8Formatter.TryFormat(size, Room(16), out var written, new StandardFormat('x'));
        _length += written;
        Append("\r\n"u8);
    }

    private Span<byte> Room(int bytes)
    {
        if (Free < bytes)
        {
            var larger = ArrayPool<byte>.Shared.Rent(Math.Max(_bytes.Length * 2, _length + bytes));
            _bytes.AsSpan(0, _length).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_bytes);
            _bytes = larger;
        }

        return _bytes.AsSpan(_length);
    }
}

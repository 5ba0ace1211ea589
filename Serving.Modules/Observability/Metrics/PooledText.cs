using System.Buffers;
using System.Text;

namespace Serving.Observability.Metrics;

/// <summary>
/// UTF-8 text in arrays of the shared pool: a scrape of many revisions is a megabyte, which would otherwise be a new large object each
/// time.
/// </summary>
internal sealed class PooledText : IBufferWriter<byte>, IDisposable
{
    private const int PieceLength = 64 << 10;

    private readonly List<(byte[] Bytes, int Length)> _full = [];
    private byte[] _piece = [];
    private int _used;
    private long _fullLength;

    /// <summary>The length in bytes.</summary>
    public long Length => _fullLength + _used;

    public void Advance(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, _piece.Length - _used);
        _used += count;
    }

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _piece.AsMemory(_used);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Ensure(sizeHint);
        return _piece.AsSpan(_used);
    }

    /// <summary>Writes the text to a stream.</summary>
    public async Task CopyToAsync(Stream target, CancellationToken cancellation)
    {
        foreach (var (bytes, length) in _full)
        {
            await target.WriteAsync(bytes.AsMemory(0, length), cancellation);
        }

        await target.WriteAsync(_piece.AsMemory(0, _used), cancellation);
    }

    /// <summary>The text as a string.</summary>
    public override string ToString()
    {
        var all = new ArrayBufferWriter<byte>((int)Math.Max(Length, 1));
        foreach (var (bytes, length) in _full)
        {
            all.Write(bytes.AsSpan(0, length));
        }

        all.Write(_piece.AsSpan(0, _used));
        return Encoding.UTF8.GetString(all.WrittenSpan);
    }

    /// <summary>Returns the arrays.</summary>
    public void Dispose()
    {
        Keep();
        _full.ForEach(static piece => ArrayPool<byte>.Shared.Return(piece.Bytes));
        _full.Clear();
        _fullLength = 0;
    }

    private void Ensure(int sizeHint)
    {
        if (_piece.Length - _used < Math.Max(sizeHint, 1))
        {
            Keep();
            _piece = ArrayPool<byte>.Shared.Rent(Math.Max(PieceLength, sizeHint));
        }
    }

    private void Keep()
    {
        if (_piece.Length > 0)
        {
            _full.Add((_piece, _used));
            _fullLength += _used;
            (_piece, _used) = ([], 0);
        }
    }
}

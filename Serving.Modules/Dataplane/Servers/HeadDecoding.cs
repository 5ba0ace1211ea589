using System.Text;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Counts the header bytes that one HTTP/2 connection has decoded but that no request accounts for yet: incomplete heads, and requests that
/// wait for a thread. It is installed as the connection's decoder of header values (Latin-1), the only place where they can be counted.
/// When the <see cref="HeadBudget"/> is exhausted, or a head grows far beyond the bytes that were received for it, decoding fails and
/// Kestrel closes the connection.
/// </summary>
/// <remarks>
/// A head may grow for two reasons: Huffman codes have at least 5 bits per character (RFC 7541, appendix B), and an entry of the dynamic
/// table, which holds at most 4096 bytes (RFC 7541, section 4.2, and the default of SETTINGS_HEADER_TABLE_SIZE), is sent as an index. Only
/// a head that repeats the same large entry grows further, and no client needs that.
/// </remarks>
internal sealed class HeadDecoding(HeadBudget heads) : Encoding, IDisposable
{
    private const long PerValue = 64;

    /// <summary>Characters that a head may have in addition to what its bytes allow: the dynamic table, and half as much for entries of the
    /// static table and for small ones that occur twice.</summary>
    private const long Growth = 6 * 1024;

    private const long CharactersPerByte = 2;

    private static readonly AsyncLocal<HeadDecoding?> Local = new();

    private long _pending;
    private long _allowed;

    /// <summary>The decoder of the connection that is currently being read; null unless it is HTTP/2.</summary>
    public static HeadDecoding? Current
    {
        get => Local.Value;
        set => Local.Value = value;
    }

    /// <summary>The header value, or part of one, that is decoded next has this name.</summary>
    public HeadDecoding Named(string name)
    {
        Allow(name.Length);
        return this;
    }

    /// <summary>A head begins. Called while the connection is read, before its bytes are decoded, as are <see cref="Received"/> and
    /// <see cref="AllDecoded"/>.</summary>
    public void Begin() => _allowed += Growth;

    /// <summary>Bytes of a head were received.</summary>
    public void Received(long bytes) => _allowed += CharactersPerByte * bytes;

    /// <summary>All complete heads were decoded, so what they did not use is no longer available.</summary>
    public void AllDecoded() => _allowed = 0;

    /// <summary>A request now accounts for its head. More is released than the head used, so that heads that never become requests do not
    /// accumulate.</summary>
    public void Settle(long bytes)
    {
        while (true)
        {
            var pending = Interlocked.Read(ref _pending);
            var back = Math.Min(pending, 2 * bytes);
            if (Interlocked.CompareExchange(ref _pending, pending - back, pending) != pending)
                continue;
            heads.Return(back);
            return;
        }
    }

    /// <summary>Releases everything. No decoding may follow.</summary>
    public void Dispose() => heads.Return(Interlocked.Exchange(ref _pending, 0));

    public override unsafe int GetCharCount(byte* bytes, int count) => count;

    public override unsafe int GetChars(byte* bytes, int byteCount, char* chars, int charCount)
    {
        Count(byteCount);
        return Latin1.GetChars(bytes, byteCount, chars, charCount);
    }

    public override int GetCharCount(byte[] bytes, int index, int count) => count;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        Count(byteCount);
        return Latin1.GetChars(bytes, byteIndex, byteCount, chars, charIndex);
    }

    public override int GetMaxCharCount(int byteCount) => byteCount;

    public override int GetByteCount(char[] chars, int index, int count) => throw new NotSupportedException();

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        throw new NotSupportedException();

    public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();

    private void Allow(int characters)
    {
        _allowed -= characters;
        if (_allowed >= 0)
            return;
        RefusedRequests.Count(RefusedRequests.AmplifiedHead);
        throw new InvalidOperationException("A request head repeats entries of the HPACK table.");
    }

    private void Count(int characters)
    {
        Allow(characters);
        var bytes = PerValue + (2L * characters);
        var pending = Interlocked.Read(ref _pending);
        if (!heads.TryGrow(pending, pending + bytes))
        {
            RefusedRequests.Count(RefusedRequests.HeadBudget);
            throw new InvalidOperationException("The request heads in flight exceed the memory budget.");
        }

        Interlocked.Add(ref _pending, bytes);
    }
}

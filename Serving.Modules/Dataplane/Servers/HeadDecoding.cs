using System.Text;

namespace Serving.Dataplane;

/// <summary>
/// Counts what one HTTP/2 connection has had decoded of heads that no request stands for yet: heads that have not ended, and requests that
/// wait for a thread. It is the connection's own decoder of header values (Latin-1), the one place where they can be counted; when the
/// <see cref="HeadBudget"/> has no room, decoding fails and Kestrel ends the connection.
/// </summary>
internal sealed class HeadDecoding(HeadBudget heads) : Encoding, IDisposable
{
    private const long PerValue = 64;

    private static readonly AsyncLocal<HeadDecoding?> Local = new();

    private long _pending;

    /// <summary>That of the connection whose bytes are being read here; null on any but HTTP/2.</summary>
    public static HeadDecoding? Current
    {
        get => Local.Value;
        set => Local.Value = value;
    }

    /// <summary>A request stands for a head from now on. More is given back than it has, so that heads that never become one are forgotten.</summary>
    public void Settle(long bytes)
    {
        while (true)
        {
            var pending = Interlocked.Read(ref _pending);
            var back = Math.Min(pending, 2 * bytes);
            if (Interlocked.CompareExchange(ref _pending, pending - back, pending) != pending) continue;
            heads.Return(back);
            return;
        }
    }

    /// <summary>Gives all of it back. Nothing is decoded any more.</summary>
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

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => throw new NotSupportedException();

    public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();

    private void Count(int characters)
    {
        var bytes = PerValue + (2L * characters);
        var pending = Interlocked.Read(ref _pending);
        if (!heads.TryGrow(pending, pending + bytes))
        {
            RefusedRequests.Count(RefusedRequests.HeadBudget);
            throw new InvalidOperationException("The heads in flight are too large together.");
        }

        Interlocked.Add(ref _pending, bytes);
    }
}

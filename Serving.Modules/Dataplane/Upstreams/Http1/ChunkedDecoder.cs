using System.Buffers;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// Decodes a chunked body incrementally. Chunk extensions are dropped, and so are trailers unless a collector is set.
/// </summary>
internal struct ChunkedDecoder
{
    private const int MaxLine = 8 * 1024;
    private const int MaxTrailers = 64 * 1024;

    private Part _part;
    private long _left;
    private int _trailers;

    private enum Part
    {
        Size,
        Data,
        DataEnd,
        Trailer,
        End,
    }

    /// <summary>Collects trailers; null to drop them.</summary>
    public List<KeyValuePair<string, string>>? Trailers { get; init; }

    /// <summary>Whether the last chunk and the trailers have been read.</summary>
    public readonly bool IsDone => _part == Part.End;

    /// <summary>Decodes <paramref name="input"/> and returns how much was consumed; pass the rest again, followed by new bytes.</summary>
    /// <param name="input">The bytes received.</param>
    /// <param name="output">Receives the data; null to drop it.</param>
    /// <exception cref="Http1FormatException">The chunked encoding is malformed.</exception>
    public int Decode(ReadOnlySpan<byte> input, IBufferWriter<byte>? output)
    {
        var taken = 0;
        while (_part != Part.End)
        {
            var rest = input[taken..];
            int step;
            if (_part == Part.Data)
            {
                step = (int)Math.Min(_left, rest.Length);
                if (step != 0)
                    output?.WriteAll(rest[..step]);
                _left -= step;
                if (_left == 0)
                    _part = Part.DataEnd;
            }
            else
            {
                step = Line(rest);
            }

            if (step == 0)
                break;
            taken += step;
        }

        return taken;
    }

    private int Line(ReadOnlySpan<byte> input)
    {
        var feed = input.IndexOf((byte)'\n');
        if (feed < 0)
        {
            if (input.Length > MaxLine)
                throw Malformed();
            return 0;
        }

        // Unlike in a head, a bare line feed is not tolerated: chunks are never written by hand.
        if (feed == 0 || input[feed - 1] != '\r' || feed > MaxLine)
            throw Malformed();
        var line = input[..(feed - 1)];
        switch (_part)
        {
            case Part.Size:
                _left = Size(line);
                _part = _left == 0 ? Part.Trailer : Part.Data;
                break;
            case Part.DataEnd:
                if (!line.IsEmpty)
                    throw Malformed();
                _part = Part.Size;
                break;
            default:
                _trailers += line.Length;
                if (_trailers > MaxTrailers)
                    throw Malformed();
                if (line.IsEmpty)
                    _part = Part.End;
                else if (Trailers is not null && ResponseHead.TryTrailer(line, out var trailer))
                    Trailers.Add(trailer);
                break;
        }

        return feed + 1;
    }

    private static long Size(ReadOnlySpan<byte> line)
    {
        var extension = line.IndexOf((byte)';');
        var digits = (extension < 0 ? line : line[..extension]).TrimEnd(" \t"u8);
        if (digits.Length is 0 or > 15)
            throw Malformed();
        var size = 0L;
        foreach (var digit in digits)
        {
            if (!char.IsAsciiHexDigit((char)digit))
                throw Malformed();
            size = (size << 4) | (uint)(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
        }

        return size;
    }

    private static Http1FormatException Malformed() => new("The program's response has a malformed chunked encoding.");
}

using System.Buffers;
using System.Buffers.Binary;
using System.Net;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.ProxyProtocol;

/// <summary>
/// Recognizes the header of the PROXY protocol, version 1 (a line of text) or 2 (binary), at the start of a connection. It is strict: with
/// a lenient parser, two proxies could disagree on where the header ends or whom it names. Invariant: a verdict other than
/// <see cref="ProxyHeaderState.Incomplete"/> comes at the latest after <see cref="MaxLength"/> bytes.
/// </summary>
internal static class ProxyHeaderParser
{
    /// <summary>The longest accepted header in bytes. Addresses take at most 232; the rest are extensions, which are skipped.</summary>
    public const int MaxLength = 4096;

    /// <summary>The longest header of version 1, with its line end.</summary>
    private const int MaxLine = 107;

    private const int FixedLength = 16;
    private const byte Version = 0x20;
    private const byte LocalCommand = 0;
    private const byte ProxyCommand = 1;

    /// <summary>The type of the one extension that matters here.</summary>
    private const byte Crc32CType = 3;

    private static ReadOnlySpan<byte> TextPrefix => "PROXY "u8;

    /// <summary>Looks at the first bytes of a connection.</summary>
    /// <param name="buffer">The bytes received so far.</param>
    /// <param name="header">The header, when it is complete.</param>
    public static ProxyHeaderState Parse(in ReadOnlySequence<byte> buffer, out ProxyHeader header)
    {
        header = default;
        if (buffer.IsEmpty)
            return ProxyHeaderState.Incomplete;
        if (buffer.IsSingleSegment)
            return Parse(buffer.FirstSpan, out header);
        return Parse(buffer.Slice(0, Math.Min(buffer.Length, MaxLength)).ToArray(), out header);
    }

    private static ProxyHeaderState Parse(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        if (StartsLike(bytes, ProxyHeaderWriter.Signature))
            return bytes.Length < FixedLength ? ProxyHeaderState.Incomplete : ParseBinary(bytes, out header);
        if (StartsLike(bytes, TextPrefix))
            return bytes.Length <= TextPrefix.Length ? ProxyHeaderState.Incomplete : ParseText(bytes, out header);
        return ProxyHeaderState.Absent;
    }

    /// <summary>Whether the bytes are a prefix of <paramref name="start"/>, or begin with it.</summary>
    private static bool StartsLike(ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> start) =>
        bytes.Length < start.Length ? start.StartsWith(bytes) : bytes.StartsWith(start);

    private static ProxyHeaderState ParseText(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        var line = bytes[..Math.Min(bytes.Length, MaxLine)];
        var end = line.IndexOf("\r\n"u8);
        if (end < 0)
            return line.Length == MaxLine ? ProxyHeaderState.Malformed : ProxyHeaderState.Incomplete;
        var rest = line[TextPrefix.Length..end];
        var length = end + 2;
        if (rest.StartsWith("UNKNOWN"u8) && (rest.Length == 7 || rest[7] == ' '))
        {
            header = new ProxyHeader(length, null);
            return ProxyHeaderState.Complete;
        }

        Span<Range> fields = stackalloc Range[6];
        if (rest.Length > 0 && rest.IndexOfAnyExceptInRange((byte)' ', (byte)'~') < 0 && Split(rest, fields) == 5)
        {
            var isV6 = rest[fields[0]].SequenceEqual("TCP6"u8);
            if (
                (isV6 || rest[fields[0]].SequenceEqual("TCP4"u8))
                && AddressOf(rest[fields[1]], isV6) is { } source
                && AddressOf(rest[fields[2]], isV6) is not null
                && PortOf(rest[fields[3]]) is { } port
                && PortOf(rest[fields[4]]) is not null
            )
            {
                header = new ProxyHeader(length, EndPointOf(source, port));
                return ProxyHeaderState.Complete;
            }
        }

        return ProxyHeaderState.Malformed;
    }

    /// <summary>Splits at each single space; two in a row give an empty field, which is no address or port.</summary>
    private static int Split(ReadOnlySpan<byte> text, Span<Range> fields)
    {
        var count = 0;
        foreach (var field in text.Split((byte)' '))
        {
            if (count == fields.Length)
                return count + 1;
            fields[count++] = field;
        }

        return count;
    }

    /// <summary>An address in the form of the protocol: no brackets, zone, or octets that other parsers read as octal.</summary>
    private static IPAddress? AddressOf(ReadOnlySpan<byte> text, bool isV6)
    {
        Span<char> characters = stackalloc char[MaxLine];
        for (var i = 0; i < text.Length; i++)
        {
            characters[i] = (char)text[i];
            if (characters[i] is not ('.' or ':') && !char.IsAsciiHexDigit(characters[i]))
                return null;
        }

        if (text.IndexOf((byte)':') >= 0 != isV6 || !IPAddress.TryParse(characters[..text.Length], out var address))
            return null;
        if (isV6)
            return address;
        Span<char> canonical = stackalloc char[15];
        return address.TryFormat(canonical, out var written) && characters[..text.Length].SequenceEqual(canonical[..written])
            ? address
            : null;
    }

    private static int? PortOf(ReadOnlySpan<byte> text)
    {
        if (text.Length is 0 or > 5 || (text.Length > 1 && text[0] == '0'))
            return null;
        var port = 0;
        foreach (var digit in text)
        {
            if (!char.IsAsciiDigit((char)digit))
                return null;
            port = (port * 10) + (digit - '0');
        }

        return port <= IPEndPoint.MaxPort ? port : null;
    }

    private static ProxyHeaderState ParseBinary(ReadOnlySpan<byte> bytes, out ProxyHeader header)
    {
        header = default;
        var command = bytes[12] & 0x0F;
        var (family, transport) = (bytes[13] >> 4, bytes[13] & 0x0F);
        var length = FixedLength + BinaryPrimitives.ReadUInt16BigEndian(bytes[14..]);
        if ((bytes[12] & 0xF0) != Version || command > ProxyCommand || family > 3 || transport > 2 || length > MaxLength)
            return ProxyHeaderState.Malformed;
        if (bytes.Length < length)
            return ProxyHeaderState.Incomplete;
        var whole = bytes[..length];
        if (command == LocalCommand)
        {
            header = new ProxyHeader(length, null);
            return ProxyHeaderState.Complete;
        }

        var addresses = family switch
        {
            1 => 12,
            2 => 36,
            3 => 216,
            _ => 0,
        };
        if (length < FixedLength + addresses || (family != 0 && !HasValidExtensions(whole, FixedLength + addresses)))
            return ProxyHeaderState.Malformed;
        header = new ProxyHeader(length, SourceOf(whole[FixedLength..], family, transport));
        return ProxyHeaderState.Complete;
    }

    /// <summary>Only TCP over IPv4 or IPv6 names a client that this server could have.</summary>
    private static IPEndPoint? SourceOf(ReadOnlySpan<byte> addresses, int family, int transport) =>
        (family, transport) switch
        {
            (1, 1) => EndPointOf(new IPAddress(addresses[..4]), BinaryPrimitives.ReadUInt16BigEndian(addresses[8..])),
            (2, 1) => EndPointOf(new IPAddress(addresses[..16]), BinaryPrimitives.ReadUInt16BigEndian(addresses[32..])),
            _ => null,
        };

    /// <summary>Whether the extensions fill the rest of the header, and its checksum, if it has one, is right.</summary>
    private static bool HasValidExtensions(ReadOnlySpan<byte> header, int at)
    {
        while (at < header.Length)
        {
            if (header.Length - at < 3)
                return false;
            var (type, value) = (header[at], at + 3);
            at = value + BinaryPrimitives.ReadUInt16BigEndian(header[(at + 1)..]);
            if (at > header.Length)
                return false;
            if (
                type == Crc32CType
                && (at - value != 4 || Crc32C.OfHeader(header, value) != BinaryPrimitives.ReadUInt32BigEndian(header[value..]))
            )
                return false;
        }

        return true;
    }

    private static IPEndPoint EndPointOf(IPAddress address, int port) => new(address.ToPlain(), port);
}

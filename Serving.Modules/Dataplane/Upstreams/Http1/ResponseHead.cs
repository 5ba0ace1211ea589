using System.Buffers;
using System.Buffers.Text;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>How the end of a response body is determined.</summary>
internal enum BodyKind
{
    /// <summary>There is no body.</summary>
    None,

    /// <summary>By Content-Length.</summary>
    Length,

    /// <summary>By the last chunk.</summary>
    Chunked,

    /// <summary>By the end of the connection.</summary>
    UntilClose,
}

/// <summary>The framing of a response, and what its head says about the connection.</summary>
/// <param name="Body">How the end of the body is determined.</param>
/// <param name="Length">The Content-Length, if given.</param>
/// <param name="KeepAlive">Whether the connection can be reused.</param>
internal readonly record struct ResponseShape(BodyKind Body, long Length, bool KeepAlive)
{
    /// <summary>The announced trailers; null for none.</summary>
    public string? Trailer { get; init; }

    /// <summary>What a queue-proxy reports about its program; <see cref="UpstreamResult.Done"/> if nothing.</summary>
    public UpstreamResult Unserved { get; init; }
}

/// <summary>
/// Parses response heads. It is strict where leniency makes a response ambiguous: no folded lines, no space before a colon, no control
/// characters, exactly one framing.
/// </summary>
internal static class ResponseHead
{
    /// <summary>Maximum size of a head in bytes.</summary>
    public const int MaxBytes = 1024 * 1024;

    private static readonly SearchValues<byte> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"u8
    );

    private static readonly string[] Common =
    [
        "Content-Type",
        "Date",
        "Server",
        "Connection",
        "Transfer-Encoding",
        "Cache-Control",
        "Content-Encoding",
        "ETag",
        "Last-Modified",
        "Vary",
        "Location",
        "Set-Cookie",
        "Keep-Alive",
        "Accept-Ranges",
        "Access-Control-Allow-Origin",
        "X-Powered-By",
        "Expires",
        "X-Content-Type-Options",
    ];

    /// <summary>The length of the head including the final empty line, or 0 while incomplete. The first <paramref name="scanned"/> bytes
    /// were scanned before.</summary>
    public static int FindEnd(ReadOnlySpan<byte> bytes, int scanned)
    {
        var from = Math.Max(scanned - 3, 0);
        while (true)
        {
            var feed = bytes[from..].IndexOf((byte)'\n');
            if (feed < 0)
                return 0;
            from += feed + 1;
            var rest = bytes[from..];
            if (rest.StartsWith("\r\n"u8))
                return from + 2;
            if (rest.StartsWith("\n"u8))
                return from + 1;
        }
    }

    /// <summary>The status code of a head.</summary>
    /// <exception cref="Http1FormatException">It does not start with a status line.</exception>
    public static int Status(ReadOnlySpan<byte> head)
    {
        if (
            !head.StartsWith("HTTP/1."u8)
            || head.Length < 13
            || head[7] is not ((byte)'0' or (byte)'1')
            || head[8] != ' '
            || !Utf8Parser.TryParse(head[9..12], out int status, out var digits)
            || digits != 3
            || status is < 100 or > 999
            || head[12] is not ((byte)' ' or (byte)'\r' or (byte)'\n')
        )
            throw new Http1FormatException("The program's response does not start with an HTTP/1.1 status line.");
        return status;
    }

    /// <summary>Copies status and headers to <paramref name="response"/> without starting it.</summary>
    /// <exception cref="Http1FormatException">The head is malformed or ambiguous.</exception>
    public static ResponseShape CopyTo(HttpResponse response, ReadOnlySpan<byte> head, int status, bool toHead)
    {
        var upgrade = status == StatusCodes.Status101SwitchingProtocols;
        var keepAlive = head[7] == '1';
        long? length = null;
        var chunked = false;
        var others = "";
        var unserved = UpstreamResult.Done;
        string? trailer = null;
        response.StatusCode = status;
        var headers = response.Headers;
        var rest = head[(head.IndexOf((byte)'\n') + 1)..];
        while (TryLine(ref rest, out var line))
        {
            Split(line, out var nameBytes, out var value);
            var name = Name(nameBytes);
            if (nameBytes.Length == 14 && Ascii.EqualsIgnoreCase(nameBytes, "content-length"u8))
            {
                var one = Length(value);
                if (length is { } before && before != one)
                    throw new Http1FormatException("The program's response has two different Content-Length values.");
                length = one;
            }
            else if (nameBytes.Length == DataplaneHeaders.Unserved.Length && Ascii.EqualsIgnoreCase(nameBytes, DataplaneHeaders.Unserved))
            {
                unserved = Unserved.Read(Text(value));
            }
            else if (!HopHeaders.Contains(name))
            {
                Add(headers, name, Text(value));
            }
            else if (name.Equals("Transfer-Encoding", StringComparison.OrdinalIgnoreCase))
            {
                if (chunked || !Ascii.EqualsIgnoreCase(value, "chunked"u8))
                    throw new Http1FormatException($"The program's response has the unsupported transfer coding \"{Text(value)}\".");
                chunked = true;
            }
            else if (name.Equals("Connection", StringComparison.OrdinalIgnoreCase))
            {
                var options = Text(value);
                if (HopHeaders.HasOption(options, "close"))
                    keepAlive = false;
                if (HopHeaders.NamesOthers(options))
                    others = others.Length == 0 ? options : $"{others},{options}";
            }
            else if (name.Equals("Trailer", StringComparison.OrdinalIgnoreCase))
            {
                trailer = trailer is null ? Text(value) : $"{trailer}, {Text(value)}";
            }
            else if (upgrade && name.Equals("Upgrade", StringComparison.OrdinalIgnoreCase))
            {
                Add(headers, name, Text(value));
            }
        }

        if (others.Length != 0)
            RemoveNamed(headers, others);
        if (chunked && length is not null)
            throw new Http1FormatException("The program's response has both Content-Length and Transfer-Encoding: chunked.");
        return Shape(response, status, toHead, chunked, length, keepAlive) with { Unserved = unserved, Trailer = trailer };
    }

    // IHeaderDictionary.Append drops empty values.
    private static void Add(IHeaderDictionary headers, string name, string value) =>
        headers[name] = headers.TryGetValue(name, out var others) ? StringValues.Concat(others, value) : value;

    /// <summary>Parses a trailer; false for one that is hop-by-hop or allowed only in a head.</summary>
    /// <exception cref="Http1FormatException">It is malformed.</exception>
    public static bool TryTrailer(ReadOnlySpan<byte> line, out KeyValuePair<string, string> trailer)
    {
        Split(line, out var name, out var value);
        trailer = new(Name(name), Text(value));
        return !HopHeaders.Contains(trailer.Key)
            && !Ascii.EqualsIgnoreCase(name, "Content-Length"u8)
            && !Ascii.EqualsIgnoreCase(name, "Host"u8)
            && !Ascii.EqualsIgnoreCase(name, DataplaneHeaders.Unserved);
    }

    private static ResponseShape Shape(HttpResponse response, int status, bool toHead, bool chunked, long? length, bool keepAlive)
    {
        if (status is StatusCodes.Status204NoContent or StatusCodes.Status101SwitchingProtocols)
            return new ResponseShape(BodyKind.None, 0, keepAlive);
        if (length is not null && status != StatusCodes.Status205ResetContent)
            response.ContentLength = length;
        if (toHead || status == StatusCodes.Status304NotModified)
            return new ResponseShape(BodyKind.None, 0, keepAlive);
        if (chunked)
            return new ResponseShape(BodyKind.Chunked, 0, keepAlive);
        return length is { } known
            ? new ResponseShape(known == 0 ? BodyKind.None : BodyKind.Length, known, keepAlive)
            : new ResponseShape(BodyKind.UntilClose, 0, false);
    }

    // One line without its line ending; false at the empty line.
    private static bool TryLine(ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> line)
    {
        var feed = rest.IndexOf((byte)'\n');
        line = rest[..feed];
        rest = rest[(feed + 1)..];
        if (line.EndsWith("\r"u8))
            line = line[..^1];
        return !line.IsEmpty;
    }

    private static void Split(ReadOnlySpan<byte> line, out ReadOnlySpan<byte> name, out ReadOnlySpan<byte> value)
    {
        var colon = line.IndexOf((byte)':');
        if (colon <= 0 || line[..colon].ContainsAnyExcept(Token))
            throw new Http1FormatException("The program's response has a header line without a valid name.");
        name = line[..colon];
        value = line[(colon + 1)..].Trim(" \t"u8);
        if (value.ContainsAnyInRange((byte)0, (byte)8) || value.ContainsAnyInRange((byte)10, (byte)31) || value.Contains((byte)127))
            throw new Http1FormatException("The program's response has a header with a control character.");
    }

    private static long Length(ReadOnlySpan<byte> value)
    {
        if (
            value.IsEmpty
            || value.Length > 18
            || value.ContainsAnyExceptInRange((byte)'0', (byte)'9')
            || !Utf8Parser.TryParse(value, out long length, out _)
        )
            throw new Http1FormatException($"The program's response has the invalid Content-Length \"{Text(value)}\".");
        return length;
    }

    private static void RemoveNamed(IHeaderDictionary headers, string options)
    {
        foreach (var option in options.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            headers.Remove(option);
    }

    // Most responses contain these names; they need no string allocation.
    private static string Name(ReadOnlySpan<byte> name)
    {
        foreach (var common in Common)
        {
            if (common.Length == name.Length && Ascii.EqualsIgnoreCase(name, common))
                return common;
        }

        return Text(name);
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);
}

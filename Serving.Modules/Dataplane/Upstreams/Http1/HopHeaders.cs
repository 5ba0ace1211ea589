using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>The hop-by-hop headers (RFC 9110, section 7.6.1).</summary>
internal static class HopHeaders
{
    /// <summary>Whether a header is never forwarded. The headers of an upgrade are written separately.</summary>
    public static bool Contains(ReadOnlySpan<char> name) =>
        name.Length switch
        {
            2 => Is(name, "TE"),
            7 => Is(name, "Upgrade") || Is(name, "Trailer"),
            10 => Is(name, "Connection") || Is(name, "Keep-Alive"),
            14 => Is(name, "HTTP2-Settings"),
            16 => Is(name, "Proxy-Connection"),
            17 => Is(name, "Transfer-Encoding"),
            18 => Is(name, "Proxy-Authenticate"),
            19 => Is(name, "Proxy-Authorization"),
            _ => false,
        };

    /// <summary>Whether a Connection header has the option <paramref name="option"/>.</summary>
    public static bool HasOption(in StringValues connection, ReadOnlySpan<char> option)
    {
        for (var i = 0; i < connection.Count; i++)
        {
            var rest = connection[i].AsSpan();
            while (!rest.IsEmpty)
            {
                var comma = rest.IndexOf(',');
                var one = comma < 0 ? rest : rest[..comma];
                if (Is(one.Trim(), option))
                    return true;
                rest = comma < 0 ? default : rest[(comma + 1)..];
            }
        }

        return false;
    }

    /// <summary>Whether an option of a Connection header names no header that would be forwarded.</summary>
    public static bool IsOption(ReadOnlySpan<byte> option) =>
        Ascii.EqualsIgnoreCase(option, "close")
        || Ascii.EqualsIgnoreCase(option, "HTTP2-Settings")
        || (option.Length <= 19 && IsHopHeader(option));

    /// <summary>Removes the headers named by the Connection header, except those that frame the request.</summary>
    public static void RemoveNamed(IHeaderDictionary headers, in StringValues connection)
    {
        for (var i = 0; i < connection.Count; i++)
        {
            foreach (var option in (connection[i] ?? "").Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))
            {
                if (!IsFraming(option) && !Contains(option))
                    headers.Remove(option);
            }
        }
    }

    /// <summary>Whether a Connection header may name further hop-by-hop headers.</summary>
    public static bool NamesOthers(in StringValues connection) =>
        connection.Count > 1
        || (connection.Count == 1 && connection[0] is { } only && !Is(only, "keep-alive") && !Is(only, "close") && !Is(only, "Upgrade"));

    private static bool IsFraming(string name) => Is(name, "Host") || Is(name, "Content-Length") || name[0] == ':';

    private static bool IsHopHeader(ReadOnlySpan<byte> name)
    {
        Span<char> text = stackalloc char[19];
        return Contains(text[..Encoding.Latin1.GetChars(name, text)]);
    }

    private static bool Is(ReadOnlySpan<char> name, ReadOnlySpan<char> other) => name.Equals(other, StringComparison.OrdinalIgnoreCase);
}

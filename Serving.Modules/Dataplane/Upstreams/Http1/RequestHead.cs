using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Serving.Dataplane.Requests;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>
/// Writes the head of a request. Whatever the client's protocol permits, no byte is written that could end a line early.
/// </summary>
internal static class RequestHead
{
    private static readonly SearchValues<char> Token = SearchValues.Create(
        "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    );

    /// <summary>Writes the head; false when the request has a name, value or target that cannot be sent over HTTP/1.1.</summary>
    public static bool TryWrite(SendBuffer output, HttpContext context, in UpstreamTarget target, in RequestShape shape)
    {
        var request = context.Request;
        var path = RequestTarget.Of(context);
        var host = target.Host ?? request.Host.Value ?? "";
        if (!IsToken(request.Method) || !IsTarget(path) || !IsValue(host))
            return false;
        output.Append(request.Method);
        output.Append(" "u8);
        output.Append(path);
        output.Append(" HTTP/1.1\r\nHost: "u8);
        output.Append(host);
        output.Append("\r\n"u8);

        var headers = request.Headers;
        using var fields = HeaderFields.Of(headers);
        foreach (var (name, values) in fields.Span)
        {
            if (!Travels(target, name))
                continue;
            if (!TryAppend(output, name, values))
                return false;
        }

        if (target.SetHeaders is { } set)
        {
            for (var i = 0; i < set.Count; i++)
            {
                if (!TryAppend(output, set[i].Key, set[i].Value))
                    return false;
            }
        }

        return TryEnd(output, headers, shape);
    }

    /// <summary>Whether a client header is forwarded unchanged, unless its Connection header names it.</summary>
    public static bool Travels(in UpstreamTarget target, string name) =>
        !IsFraming(name) && !HopHeaders.Contains(name) && !IsChanged(target, name) && (target.IsQueueProxy || !IsResent(name));

    private static bool TryEnd(SendBuffer output, IHeaderDictionary headers, in RequestShape shape)
    {
        // gRPC-Web and other clients that expect trailers need to know that they are supported.
        if (headers.TE is [{ } te] && te.Equals("trailers", StringComparison.OrdinalIgnoreCase))
            output.Append("TE: trailers\r\n"u8);
        if (shape.Upgrade)
        {
            output.Append("Connection: Upgrade\r\n"u8);
            if (!TryAppend(output, "Upgrade", headers.Upgrade))
                return false;
        }

        if (shape.Chunked)
        {
            output.Append("Transfer-Encoding: chunked\r\n"u8);
        }
        else if (shape.Length is { } length)
        {
            output.Append("Content-Length: "u8);
            output.Append(length);
            output.Append("\r\n"u8);
        }

        output.Append("\r\n"u8);
        return true;
    }

    private static bool TryAppend(SendBuffer output, string name, in StringValues values)
    {
        if (!IsToken(name))
            return false;

        // HTTP/2 may split cookies, HTTP/1.1 must not.
        if (values.Count > 1 && name.Equals("Cookie", StringComparison.OrdinalIgnoreCase))
            return TryAppend(output, name, string.Join("; ", (IEnumerable<string?>)values));
        for (var i = 0; i < values.Count; i++)
        {
            var value = values[i] ?? "";
            if (!IsValue(value))
                return false;
            output.Append(name);
            output.Append(": "u8);
            output.Append(value);
            output.Append("\r\n"u8);
        }

        return true;
    }

    // Written separately; names that start with a colon are HTTP/2 pseudo-headers.
    private static bool IsFraming(string name) =>
        name.Length == 0
        || name[0] == ':'
        || (name.Length == 4 && name.Equals("Host", StringComparison.OrdinalIgnoreCase))
        || (name.Length == 14 && name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase));

    // Used between our own hops only; the program must not see it.
    private static bool IsResent(string name) =>
        name.Length == DataplaneHeaders.Resent.Length && name.Equals(DataplaneHeaders.Resent, StringComparison.OrdinalIgnoreCase);

    private static bool IsChanged(in UpstreamTarget target, string name)
    {
        if (target.RemoveHeaders is { } removed)
        {
            for (var i = 0; i < removed.Count; i++)
            {
                if (name.Equals(removed[i], StringComparison.OrdinalIgnoreCase))
                    return true;
            }
        }

        if (target.SetHeaders is { } set)
        {
            for (var i = 0; i < set.Count; i++)
            {
                if (name.Equals(set[i].Key, StringComparison.OrdinalIgnoreCase))
                    return true;
            }
        }

        return false;
    }

    private static bool IsToken(ReadOnlySpan<char> name) => !name.IsEmpty && !name.ContainsAnyExcept(Token);

    private static bool IsTarget(ReadOnlySpan<char> target) =>
        !target.ContainsAnyInRange('\0', ' ') && !target.ContainsAnyInRange('\u007f', '\uffff');

    private static bool IsValue(ReadOnlySpan<char> value) =>
        !value.ContainsAny('\r', '\n', '\0') && !value.ContainsAnyInRange('\u0100', '\uffff');
}

using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;
using Serving.Dataplane.Upstreams.Http1;

namespace Serving.Dataplane.Servers;

/// <summary>
/// Decodes request header bytes as Latin-1. Two headers have decoders of their own, since decoding is the only point at which their bytes
/// can be inspected before Kestrel acts on them.
/// </summary>
internal static class HeaderEncodings
{
    private static readonly LengthEncoding Length = new();
    private static readonly ConnectionEncoding Connection = new();

    /// <summary>For <see cref="KestrelServerOptions.RequestHeaderEncodingSelector"/>.</summary>
    public static Encoding Of(string name)
    {
        if (ReferenceEquals(name, HeaderNames.ContentLength))
            return Length;
        if (ReferenceEquals(name, HeaderNames.Connection))
            return Connection;
        return HeadDecoding.Current?.Named(name) ?? Encoding.Latin1;
    }

    /// <summary>Kestrel parses Content-Length as a number, accepting a sign and spaces; HTTP allows only digits (RFC 9110, section
    /// 8.6).</summary>
    private sealed class LengthEncoding : SimpleEncoding
    {
        public override int GetCharCount(ReadOnlySpan<byte> bytes) => bytes.Length;

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
        {
            // A valid length has fewer than twenty digits, and Kestrel's buffer has room for no more.
            var length = Math.Min(bytes.Length, chars.Length);
            for (var i = 0; i < length; i++)
                chars[i] = char.IsAsciiDigit((char)bytes[i]) ? (char)bytes[i] : 'x';
            return length;
        }
    }

    /// <summary>
    /// Kestrel replaces a Connection value in which it recognises a single option by that option, and so loses the header names in it. It
    /// leaves a value with two such options alone, so a value that names headers gets both, which also closes the connection after the
    /// response.
    /// </summary>
    private sealed class ConnectionEncoding : SimpleEncoding
    {
        private const string Kept = ", close, keep-alive";

        public override int GetCharCount(ReadOnlySpan<byte> bytes) => bytes.Length + (NamesHeaders(bytes) ? Kept.Length : 0);

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
        {
            var length = Encoding.Latin1.GetChars(bytes, chars);
            if (!NamesHeaders(bytes))
                return length;
            Kept.CopyTo(chars[length..]);
            return length + Kept.Length;
        }

        private static bool NamesHeaders(ReadOnlySpan<byte> value)
        {
            while (!value.IsEmpty)
            {
                var comma = value.IndexOf((byte)',');
                var option = (comma < 0 ? value : value[..comma]).Trim(" \t"u8);
                if (!option.IsEmpty && !HopHeaders.IsOption(option))
                    return true;
                value = comma < 0 ? default : value[(comma + 1)..];
            }

            return false;
        }
    }

    /// <summary>A single-byte encoding, for decoding only.</summary>
    private abstract class SimpleEncoding : Encoding
    {
        public abstract override int GetCharCount(ReadOnlySpan<byte> bytes);

        public abstract override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars);

        public override int GetCharCount(byte[] bytes, int index, int count) => GetCharCount(bytes.AsSpan(index, count));

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
            GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

        public override int GetMaxCharCount(int byteCount) => byteCount + 32;

        public override int GetByteCount(char[] chars, int index, int count) => throw new NotSupportedException();

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
            throw new NotSupportedException();

        public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();
    }
}

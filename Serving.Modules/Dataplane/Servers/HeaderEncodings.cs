using System.Text;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Net.Http.Headers;
using Serving.Dataplane.Http1;

namespace Serving.Dataplane;

/// <summary>
/// How the bytes of request headers become text: Latin-1, as programs expect. Two headers have a decoder of their own, since it is the one
/// place where their bytes are seen before Kestrel acts on them.
/// </summary>
internal static class HeaderEncodings
{
    private static readonly LengthEncoding Length = new();
    private static readonly ConnectionEncoding Connection = new();

    /// <summary>For <see cref="KestrelServerOptions.RequestHeaderEncodingSelector"/>.</summary>
    public static Encoding Of(string name)
    {
        if (ReferenceEquals(name, HeaderNames.ContentLength)) return Length;
        if (ReferenceEquals(name, HeaderNames.Connection)) return Connection;
        return HeadDecoding.Current ?? Encoding.Latin1;
    }

    /// <summary>Kestrel parses a length as a number, with sign and spaces; HTTP knows digits alone (RFC 9110, section 8.6).</summary>
    private sealed class LengthEncoding : SimpleEncoding
    {
        public override int GetCharCount(ReadOnlySpan<byte> bytes) => bytes.Length;

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
        {
            // No length has twenty digits; Kestrel's buffer has no room for more.
            var length = Math.Min(bytes.Length, chars.Length);
            for (var i = 0; i < length; i++) chars[i] = char.IsAsciiDigit((char)bytes[i]) ? (char)bytes[i] : 'x';
            return length;
        }
    }

    /// <summary>
    /// Kestrel replaces a value in which it recognises one option by that option alone, and so loses the headers that it names. A value with
    /// two options stays; so one that names headers gets both, which also ends the connection after the response.
    /// </summary>
    private sealed class ConnectionEncoding : SimpleEncoding
    {
        private const string Kept = ", close, keep-alive";

        public override int GetCharCount(ReadOnlySpan<byte> bytes) => bytes.Length + (NamesHeaders(bytes) ? Kept.Length : 0);

        public override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars)
        {
            var length = Encoding.Latin1.GetChars(bytes, chars);
            if (!NamesHeaders(bytes)) return length;
            Kept.CopyTo(chars[length..]);
            return length + Kept.Length;
        }

        private static bool NamesHeaders(ReadOnlySpan<byte> value)
        {
            while (!value.IsEmpty)
            {
                var comma = value.IndexOf((byte)',');
                var option = (comma < 0 ? value : value[..comma]).Trim(" \t"u8);
                if (!option.IsEmpty && !HopHeaders.IsOption(option)) return true;
                value = comma < 0 ? default : value[(comma + 1)..];
            }

            return false;
        }
    }

    /// <summary>An encoding of one character a byte, for decoding only.</summary>
    private abstract class SimpleEncoding : Encoding
    {
        public abstract override int GetCharCount(ReadOnlySpan<byte> bytes);

        public abstract override int GetChars(ReadOnlySpan<byte> bytes, Span<char> chars);

        public override int GetCharCount(byte[] bytes, int index, int count) => GetCharCount(bytes.AsSpan(index, count));

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex) =>
            GetChars(bytes.AsSpan(byteIndex, byteCount), chars.AsSpan(charIndex));

        public override int GetMaxCharCount(int byteCount) => byteCount + 32;

        public override int GetByteCount(char[] chars, int index, int count) => throw new NotSupportedException();

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) => throw new NotSupportedException();

        public override int GetMaxByteCount(int charCount) => throw new NotSupportedException();
    }
}

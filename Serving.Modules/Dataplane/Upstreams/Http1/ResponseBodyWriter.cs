using System.Buffers;

namespace Serving.Dataplane.Upstreams.Http1;

/// <summary>Writes a response body to a client that may disconnect at any time.</summary>
internal static class ResponseBodyWriter
{
    /// <summary>Like <c>Write</c>, but reports a writer whose connection is gone as such, instead of as an argument out of range.</summary>
    /// <exception cref="ClientGoneException">The client disconnected.</exception>
    public static void WriteAll(this IBufferWriter<byte> writer, ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            var room = writer.GetSpan();
            if (room.IsEmpty)
                throw new ClientGoneException();
            var taken = Math.Min(room.Length, bytes.Length);
            bytes[..taken].CopyTo(room);
            writer.Advance(taken);
            bytes = bytes[taken..];
        }
    }
}
